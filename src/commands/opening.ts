/** `sento pair` for another machine: where the other agent is, and what is opened so that it gets here. */
import { isMeantForOthers, networkHosts } from "../guardian/books/own-places.ts"
import { callDoor } from "../guardian/door/client.ts"
import type { Alive, ShutHost } from "../guardian/door/results.ts"
import { ownAddresses } from "../http/own-addresses.ts"
import { SentoError } from "../protocol/errors.ts"
import { readYesNo } from "../protocol/questions.ts"
import { everyAddress, networkAddresses } from "../store/config.ts"
import type { Paths } from "../store/paths.ts"
import { needConfig } from "./home.ts"
import { readHosts } from "./init-options.ts"
import type { Io } from "./io.ts"
import { isNotOwner } from "./pairing-events.ts"
import { ask, choose } from "./prompts.ts"
import { placesWords, shutFix, shutWords } from "./running.ts"
import { isPerson, tell } from "./terminal.ts"

/** `--network` and `--listen`: for whom the code is to be. */
type Wish = { readonly network?: true; readonly listen?: readonly string[]; readonly json?: true }

/**
 * Opens what the owner asks for, and nothing else; it stays open.
 * @returns whether a code is to be made
 * @throws usage, unreachable, not-owner
 */
export async function openForOther(io: Io, paths: Paths, wish: Wish): Promise<boolean> {
  const hosts = readWish(wish) ?? (await whereIsOther(io, paths, wish.json ?? false))
  if (hosts === null) return false
  if (hosts.length > 0) await open(io, paths, hosts, wish.json ?? false)
  return true
}

/** Null where nothing was said. @throws usage for an address that this machine does not have */
function readWish({ network, listen }: Wish): readonly string[] | null {
  if (network === undefined && listen === undefined) return null
  const hosts = [...(network ? [networkAddresses] : []), ...(listen === undefined ? [] : readHosts(listen))]
  if (hosts.includes(networkAddresses) && networkHosts().length === 0) throw noNetwork()
  const own = ownAddresses().map(({ address }) => address)
  const strange = hosts.find(one => one !== networkAddresses && one !== everyAddress && !own.includes(one))
  if (strange === undefined) return hosts
  throw new SentoError(
    "usage",
    `this machine does not have the address ${strange}`,
    own.length === 0
      ? "it has none that others could use: bring its network or VPN up first"
      : `it has ${own.join(", ")}; a VPN must be up first`,
  )
}

const noNetwork = (): SentoError =>
  new SentoError(
    "usage",
    "this machine has no private or VPN address at which others could reach it",
    "run `sento pair` on the other side instead, and type its code here; a public address is opened by `sento pair --listen HOST`",
  )

/** What a person says: which hosts to open, none for this machine alone; null where nobody could get here. */
async function whereIsOther(io: Io, paths: Paths, isJson: boolean): Promise<readonly string[] | null> {
  if (paths.isAgentSide || !isPerson(io, isJson)) return []
  const own = ownAddresses()
  const isAsked = !isMeantForOthers(needConfig(io, paths).listen) && own.length > 0
  if (!isAsked || (await isAnswered(paths))) return []
  const answer = await choose("Where is the other agent?", [
    { value: "here", label: "on this machine" },
    { value: "network", label: "on another machine in my network or VPN" },
    { value: "elsewhere", label: "elsewhere" },
  ])
  if (answer === "here") return []
  if (answer === "elsewhere") return elsewhere(io)
  if (networkHosts().length > 0) return [networkAddresses]
  tell(io, "This machine has no private or VPN address, so nobody there can reach it.")
  return tellOtherWay(io)
}

/** Whether a request waits, so that no code is made. */
const isAnswered = async (paths: Paths): Promise<boolean> =>
  (await callDoor(paths, "agent", { op: "requests" })).some(({ kind }) => kind === "request")

/** A public address is opened by a yes alone. */
async function elsewhere(io: Io): Promise<readonly string[] | null> {
  const open = ownAddresses().filter(({ isPrivate }) => !isPrivate)
  const [first] = open
  if (first === undefined) {
    tell(io, "Nobody elsewhere can reach this machine: it has no public address.")
    return tellOtherWay(io)
  }
  const places = open.map(({ address }) => address)
  tell(io, "A public address is open to the whole Internet; whoever has no code of yours")
  tell(io, "and no paired agent's key gets no answer there.")
  const answer = await ask(`Open ${places.join(" and ")}? (yes/no)`, {
    check: text => (readYesNo(text) === null ? "type yes or no" : undefined),
  })
  return answer !== null && readYesNo(answer) === "yes" ? places : tellOtherWay(io)
}

function tellOtherWay(io: Io): null {
  tell(io, "Nothing was opened, and no code was made. One reachable side is enough:")
  tell(io, "run `sento pair` on the other side instead, and type its code here.")
  tell(io, "Where neither can be reached: a VPN, ssh or a forwarded port (docs/NETWORKS.md).")
  return null
}

async function open(io: Io, paths: Paths, wish: readonly string[], isJson: boolean): Promise<void> {
  const before = paths.isAgentSide ? [] : needConfig(io, paths).listen.hosts
  const hosts = before.includes(everyAddress) ? before : [...new Set([...before, ...wish])]
  const alive = await listenOn(paths, hosts.includes(everyAddress) ? [everyAddress] : hosts)
  const { shut = [] } = alive
  const meant = wish.flatMap(one => (one === networkAddresses ? networkHosts() : one))
  const isShut = (host: string): boolean => shut.some(one => one.host === host)
  const [fault] = shut.filter(({ host }) => meant.includes(host))
  if (fault !== undefined && meant.every(isShut)) throw cannotListen(fault, alive)
  if (isJson) return
  for (const one of shut.filter(({ host }) => meant.includes(host)))
    tell(io, `sento: note: ${shutWords(one, alive.port)}`)
  if (Bun.deepEquals(before, hosts)) return
  tell(io, `${alive.name}'s Guardian listens on ${placesWords(alive)} from now on`)
  tell(io, "(`sento init --listen 127.0.0.1` closes that again)")
}

const listenOn = (paths: Paths, hosts: readonly string[]): Promise<Alive> =>
  callDoor(paths, "owner", { op: "listen", hosts: [...hosts] }).catch(error => {
    if (!isNotOwner(error)) throw error
    throw new SentoError(
      "not-owner",
      `who opens this machine to others is its owner: ${(error as Error).message}`,
      "ask the owner to run `sento pair --network` in a terminal of their own",
    )
  })

const cannotListen = (fault: ShutHost, { port }: Alive): SentoError =>
  new SentoError("unreachable", shutWords(fault, port), `${shutFix(fault, port)}; then run this again`)
