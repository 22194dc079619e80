/** How long a message takes from the request to the program in a ready pane: typed, sent off with Enter, and read. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { messageBody, post, signSealed } from "../../../test/support/client.ts"
import { tmuxCall } from "../../reference/tmux-call.ts"
import { type Row, ratioAtMost, type Take } from "../row.ts"
import { type Home, type Stage, until } from "../stage.ts"

/** One for each message: what a pair may send in a minute is limited. */
const peers = 200
const lookMilliseconds = 1
/** What a delivery into a plain pane waits for: between the two looks before the paste, and before the return. */
const settleMilliseconds = 60 + 100

export const delivery: Row = {
  name: "delivery",
  reference: "one chained tmux call",
  figures: [
    { name: "wall", unit: "ms", bar: ratioAtMost(3) },
    { name: "besides settling", unit: "ms", bar: null },
  ],
  turns: 20,
  measure: {
    sento: async (stage, binary) => {
      const home = stage.home(peers)
      const pane = await openPane(stage, home)
      const { port } = await stage.guardian(binary, home)
      const unused = [...home.pairs]
      return timing(pane, settleMilliseconds, async text => {
        const pair = unused.pop()
        if (pair === undefined) throw new Error(`more than ${peers} messages`)
        const { status } = await post(port, signSealed(pair, messageBody(Date.now(), { text })))
        if (status !== 202) throw new Error(`a message was answered with ${status}`)
      })
    },
    reference: async stage => {
      const home = stage.home()
      const pane = await openPane(stage, home)
      return timing(pane, 0, text => stage.tmux(...tmuxCall(`=${home.session}:`, text)))
    },
  },
}

/** A pane whose program writes what it reads into a file. */
async function openPane(stage: Stage, { session }: Home): Promise<string> {
  const file = join(stage.folder(), "read")
  await stage.tmux("new-session", "-d", "-s", session, "-x", "100", "-y", "30", `exec cat >${file}`)
  await until("the pane", () => readOf(file))
  return file
}

/** @param say - brings a text on its way to the pane */
function timing(file: string, settling: number, say: (text: string) => Promise<unknown>): Take {
  return async () => {
    const text = `hello ${crypto.randomUUID()}`
    const startedAt = performance.now()
    const shown = until("the text", () => (readOf(file)?.includes(text) ? true : null), lookMilliseconds)
    const [wall] = await Promise.all([shown.then(() => performance.now() - startedAt), say(text)])
    return { wall, "besides settling": wall - settling }
  }
}

function readOf(file: string): string | null {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return null
  }
}
