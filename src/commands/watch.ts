/** `sento watch`: the agents of this machine on one live screen; plain, and once, where it goes to no such terminal. */
import { resolve } from "node:path"
import { registeredHomes } from "../store/homes.ts"
import { type Paths, pathsOf } from "../store/paths.ts"
import { chooseAgent } from "./choosing.ts"
import { type AddCommand, command } from "./command.ts"
import { needConfig } from "./home.ts"
import type { Io } from "./io.ts"
import { paintFor, printJson, printRows } from "./terminal.ts"
import { screenLines } from "./watch/lines.ts"
import { type AgentView, lookAt } from "./watch/view.ts"
import { userHomeOf } from "./which-agent.ts"

/** The words of `sento watch`. */
export const addWatch: AddCommand = (program, { io, finish }) =>
  command(program, "watch", "a live screen: your agents here, their peers, what waits and why").action(
    async ({ agent, json = false }) => finish(watch(io, await homesOf(io, agent), json)),
  )

/** All of the user's agents; one alone where it is named, or its home is none of theirs. */
async function homesOf(io: Io, wish: string | undefined): Promise<readonly Paths[]> {
  const { SENTO_HOME, SENTO_DOOR } = io.environment
  if (wish !== undefined) return [(await chooseAgent(io, wish, [])).paths]
  const homes = registeredHomes(userHomeOf(io))
  const isElsewhere = SENTO_HOME !== undefined && !homes.some(({ home }) => home === resolve(SENTO_HOME))
  if (isElsewhere || SENTO_DOOR || homes.length === 0)
    return [pathsOf(SENTO_HOME || userHomeOf(io), SENTO_DOOR)]
  return homes
}

const lookMilliseconds = 1000
/** Of so many peers the last words are looked up where no screen says how many fit. */
const mostPeers = 200

/** `sento watch` */
export async function watch(io: Io, homes: readonly Paths[], isJson: boolean): Promise<number> {
  const [only] = homes
  // One that is not set up says so, and what to run.
  if (only !== undefined && homes.length === 1) needConfig(io, only)
  const look = (most: number): Promise<AgentView[]> =>
    Promise.all(homes.map(paths => lookAt(io, paths, most)))
  if (isJson) printJson(io, await look(mostPeers))
  else if (isLive(io)) return watchLive(io, look)
  else printRows(io, screenLines(await look(mostPeers), unbounded(io), Date.now(), paintFor(io, "stdout")))
  return 0
}

const isLive = ({ isTerminal, environment }: Io): boolean =>
  isTerminal.stdout && environment.TERM !== undefined && environment.TERM !== "dumb"

const unbounded = (io: Io) => ({ columns: io.sizeOf("stdout").columns, rows: Number.POSITIVE_INFINITY })

async function watchLive(io: Io, look: (most: number) => Promise<AgentView[]>): Promise<number> {
  const { withScreen } = await import("./watch/full-screen.ts")
  const paint = paintFor(io, "stdout")
  let views: readonly AgentView[] | null = null
  let lookedAt = Number.NEGATIVE_INFINITY
  return withScreen(io, async screen => {
    // A resize shows what is known, and does not look again.
    if (views === null || performance.now() - lookedAt >= lookMilliseconds) {
      views = await look(screen.size().rows)
      lookedAt = performance.now()
    }
    screen.draw(screenLines(views, screen.size(), Date.now(), paint))
    return Math.max(0, lookedAt + lookMilliseconds - performance.now())
  })
}
