/** `sento doctor NAME`: the way to a peer and back, step by step, up to the first that is wrong. */
import { isIP } from "node:net"
import { unknownAgent } from "../guardian/books/requirements.ts"
import { callDoor } from "../guardian/door/client.ts"
import type { AgentRow, GuardStatus, Probe } from "../guardian/door/results.ts"
import { lookUp } from "../http/client.ts"
import { isPrivate, ownAddresses } from "../http/own-addresses.ts"
import { formatAddress, isLoopback, readAddress } from "../protocol/addresses.ts"
import { formatTimestamp } from "../protocol/freshness.ts"
import type { Config } from "../store/config.ts"
import type { Paths } from "../store/paths.ts"
import { openCurrentReader } from "../store/reader.ts"
import { ago } from "./terminal.ts"

/** `fix` is what to run or do, null where all is well. */
export type Finding = { readonly check: string; readonly is: string; readonly fix: string | null }

/** @param isShut - whether our own addresses are not all open, which is to be mended first */
export async function walkTo(
  paths: Paths,
  config: Config,
  running: GuardStatus | null,
  name: string,
  isShut: boolean,
): Promise<Finding[]> {
  const peer = Object.hasOwn(config.agents, name) ? config.agents[name] : undefined
  if (peer === undefined) return [endedPair(paths, config, name)]
  if (running === null)
    return [{ check: name, is: "not asked, for no Guardian runs here", fix: "run `sento guard`" }]
  if (isIP(peer.host) === 0 && (await lookUp(peer.host, lookUpMilliseconds, never)) === null)
    return [unknownHost(name, peer.host)]
  const probe = await callDoor(paths, "agent", { op: "probe", name })
  const { agents } = await callDoor(paths, "agent", { op: "agents" })
  const row = agents.find(one => one.name === name)
  if (row === undefined) return [endedPair(paths, config, name)]
  const isFixed = peer.fixed === true
  return upToWrong([nameStep(row), ...steps({ name, row, probe, isFixed, self: config.name, isShut })])
}

/** @throws unknown-agent for a name that nobody has or had */
function endedPair(paths: Paths, config: Config, name: string): Finding {
  using reader = openCurrentReader(paths.database)
  const ended = reader?.peers.revocations().find(one => one.name === name)
  if (ended === undefined) throw unknownAgent(name, Object.keys(config.agents))
  const date = formatTimestamp(ended.at).slice(0, 10)
  return {
    check: name,
    is: ended.byUs ? `the pair was ended here (${date})` : `the pair was revoked by ${name} (${date})`,
    fix: "pair again: `sento pair` on one side, `sento pair CODE` on the other",
  }
}

const lookUpMilliseconds = 5_000
const never = new AbortController().signal

const unknownHost = (name: string, host: string): Finding => ({
  check: `${name}'s address`,
  is: `no host is known by the name ${host}`,
  fix: `see whether this machine's DNS works (\`getent hosts ${host}\`), or say another address: \`sento agents address ${name} HOST:PORT\``,
})

function upToWrong(all: readonly Finding[]): Finding[] {
  const wrong = all.findIndex(({ fix }) => fix !== null)
  return wrong < 0 ? [...all] : all.slice(0, wrong + 1)
}

const nameStep = ({ name, pairedAt, lastContactAt }: AgentRow): Finding => ({
  check: name,
  is: `paired ${pairedAt.slice(0, 10)}, last seen ${ago(lastContactAt, Date.now())}`,
  fix: null,
})

type Walk = {
  readonly name: string
  readonly row: AgentRow
  readonly probe: Probe
  readonly isFixed: boolean
  readonly self: string
  readonly isShut: boolean
}

function steps(walk: Walk): Finding[] {
  const { name, row, probe } = walk
  const step = (what: string, is: string, fix: string | null = null): Finding => ({
    check: `${name}'s ${what}`,
    is,
    fix,
  })
  const where = formatAddress(row.host, row.port)
  if (probe.isFetched || (row.way === "fetched" && !probe.isReached))
    return [
      step("address", `not dialled: ${name} fetches its messages from this machine`),
      probe.isReached
        ? step("key", "right")
        : step("Guardian", "has stopped coming for its messages", awayFix(walk)),
      clockStep(walk, step),
      step("way back", "it dials this machine"),
    ]
  const led =
    probe.literal === undefined || probe.literal === row.host ? "" : `, which is ${probe.literal} now`
  return [
    step(
      "address",
      `${where}${led}${walk.isFixed ? " (fixed)" : ""}`,
      fixOf(walk, ["unresolved", "unroutable"]),
    ),
    step("port", probe.isReached ? "open" : (probe.reason ?? ""), fixOf(walk, ["refused", "timed-out"])),
    step(
      "Guardian",
      probe.isReached ? `answers, with ${name}'s key` : (probe.reason ?? ""),
      fixOf(walk, ["failed", "stranger"]),
    ),
    clockStep(walk, step),
    step("way back", backWords(walk)),
  ].map(one => (one.fix === null || probe.isReached ? one : { ...one, is: probe.reason ?? one.is }))
}

type MakeStep = (what: string, is: string, fix?: string | null) => Finding

function clockStep({ name, probe }: Walk, step: MakeStep): Finding {
  const { aheadSeconds, reason, retryAfterSeconds } = probe
  if (aheadSeconds !== null && reason !== null) {
    const direction = aheadSeconds > 0 ? "ahead of" : "behind"
    return step(
      "clock",
      `this clock is ${Math.abs(aheadSeconds)} s ${direction} ${name}'s`,
      "run `timedatectl set-ntp true` on both machines",
    )
  }
  if (retryAfterSeconds !== undefined)
    return step("limits", `${reason}`, `nothing is to be done: it goes on in ${retryAfterSeconds} s`)
  return reason === null || !probe.isReached
    ? step("clock", "agrees with this one")
    : step("version", reason, "update sento on both sides")
}

function backWords({ name, probe }: Walk): string {
  switch (probe.way) {
    case "fetching":
      return `${name} cannot reach this machine, so this Guardian fetches its messages from there`
    case "both-fetch":
    case "fetched":
      return `${name} fetches its messages from this machine`
    default:
      if (probe.calledAt !== undefined) return `${name} calls this machine at ${probe.calledAt}`
      return probe.way === "direct" ? `${name} calls this machine` : "not seen yet: it is being looked for"
  }
}

/** Null where the answer, or its lack, says nothing against these. */
function fixOf(walk: Walk, causes: readonly Probe["cause"][]): string | null {
  const { probe, isShut } = walk
  if (probe.isReached || !causes.includes(probe.cause)) return null
  return isShut
    ? "mend what is said of this machine's `port` above first"
    : fixes[probe.cause ?? "failed"](walk)
}

const setAddress = ({ name }: Walk): string => `\`sento agents address ${name} HOST:PORT\``

const fixes: Readonly<Record<NonNullable<Probe["cause"]>, (walk: Walk) => string>> = {
  unresolved: walk => `ask ${walk.name}'s owner for its address, and say it here: ${setAddress(walk)}`,
  unroutable: walk =>
    `bring up the network or VPN that both machines are in; where ${walk.name} has moved, ask its owner for the new address: ${setAddress(walk)}`,
  refused: walk =>
    `ask ${walk.name}'s owner to run \`sento guard\`; where it says another address than this, say that here: ${setAddress(walk)}`,
  "timed-out": silentFix,
  failed: walk =>
    `ask ${walk.name}'s owner for the address that \`sento guard status\` says: ${setAddress(walk)}`,
  stranger: walk =>
    `ask ${walk.name}'s owner to run \`sento agents\`: where this agent is in it, say here the address that \`sento guard status\` says there: ${setAddress(walk)}; where not, pair again: \`sento pair\``,
}

/** Silence is a firewall's, a machine's that is off, or that of a network in which one of the two is no more. */
function silentFix(walk: Walk): string {
  const { name, row, probe } = walk
  if (isLoopback(row.host)) return `restart its Guardian, in ${name}'s home: \`sento guard restart\``
  const own = ownAddresses().map(({ address }) => address)
  const before = probe.calledAt === undefined ? null : readAddress(probe.calledAt)?.host
  if (before != null && !isLoopback(before) && !own.includes(before))
    return `bring up this machine's network or VPN with the address ${before}, at which ${name} was met`
  const isInside = isIP(row.host) !== 0 && isPrivate(row.host)
  return `let TCP port ${row.port} in at ${name}'s firewall (such as \`sudo ufw allow ${row.port}/tcp\`); where it is let in, ${name}'s machine is off${isInside ? ", or one of the two is not in their network or VPN" : ", or has moved"}`
}

/** A collector that comes no more: it is its side that dials. */
const awayFix = ({ name, self, isShut }: Walk): string =>
  isShut
    ? "mend what is said of this machine's `port` above first"
    : `ask ${name}'s owner to run \`sento doctor ${self}\`: the way is tried from there`
