/**
 * The owner at the agent's session: a popup with the question on every client that is attached, also on one
 * that attaches later; notices in its status line. Nothing runs while no question waits.
 */

import type { Question } from "../../protocol/questions.ts"
import type { OwnHands } from "../../tmux/own-hands.ts"
import type { Client } from "../../tmux/popup.ts"
import type { Context } from "../context.ts"
import { type Distrusted, reasonToDistrust } from "../door/callers.ts"
import { ownTerminal } from "../terminal/own-terminal.ts"
import type { Surface } from "./surfaces.ts"

/** How often is looked for new clients while a question waits. */
const lookMilliseconds = 2000

/** What is done at the owner's own tmux server. */
type Terminal = Pick<OwnHands, "clients" | "isOwnServer" | "popup">

/**
 * @param command - how `sento` is run, without its words
 * @param terminal - null in hardened mode: what the agent's server starts is no way to the owner
 */
export function createTmuxSurface(
  context: Context,
  command: readonly string[],
  distrusted: () => Promise<Distrusted>,
  terminal: Terminal | null = ownTerminal(context.config.current),
): Surface {
  const questions = new Map<string, Question>()
  /** Clients, by pid, over which a popup is shown. */
  const shown = new Set<number>()
  /** Client and question that the owner closed without an answer: unanswered is not no, and not asked again there. */
  const closed = new Set<string>()
  let timer: ReturnType<typeof setTimeout> | undefined
  let looking: Promise<void> | null = null

  /** In place of a popup: that somebody asks, and nothing that could be answered there. */
  const tellOf = ({ id, name }: Question): void =>
    say(`${name} waits for your yes: \`sento approve ${id}\` in a terminal of your own`)

  /** In the status line of whoever watches. */
  const say = (text: string): void =>
    void context.hands.tell(context.config.current.tmux.session, `sento: ${text}`).catch(() => {})

  function look(): void {
    clearTimeout(timer)
    timer = undefined
    if (terminal === null) return
    looking ??= showEverywhere(terminal)
      .catch(error => context.log.write(`no popup: ${(error as Error).message}`))
      .finally(() => {
        looking = null
        if (questions.size === 0 || context.stopping.aborted) return
        timer = setTimeout(look, lookMilliseconds)
        timer.unref()
      })
  }

  async function showEverywhere(terminal: Terminal): Promise<void> {
    const attached = await terminal.clients(context.config.current.tmux.session)
    const clients = attached.filter(client => client.canType)
    if (clients.length === 0 || !(await terminal.isOwnServer())) return
    const agents = await distrusted()
    for (const client of clients) if (reasonToDistrust(client.pid, agents) === null) show(terminal, client)
  }

  /** The oldest question that was not closed there; one popup at a time. */
  function show(terminal: Terminal, client: Client): void {
    const next = [...questions.keys()].find(id => !closed.has(`${client.pid} ${id}`))
    if (next === undefined || shown.has(client.pid) || context.stopping.aborted) return
    const home = `SENTO_HOME=${context.paths.home}`
    shown.add(client.pid)
    // The server's own TMUX_PANE, of a pane in which it was once started, says nothing of the popup.
    const words = ["env", "-u", "TMUX_PANE", "-u", "SENTO_AGENT", home, ...command, "ask", next]
    void terminal.popup(client, words).then(status => {
      shown.delete(client.pid)
      // 0 without an answer: another popup was there. It is tried again with the next look, and not before.
      if (status !== 0) closed.add(`${client.pid} ${next}`)
      if (questions.size > 0 && (status !== 0 || !questions.has(next))) look()
    })
  }

  return {
    name: "tmux",
    ask(question) {
      questions.set(question.id, question)
      if (terminal === null) tellOf(question)
      else look()
    },
    withdraw(id) {
      questions.delete(id)
      for (const key of closed) if (key.endsWith(` ${id}`)) closed.delete(key)
    },
    tell: ({ text }) => say(text),
    async stopped() {
      clearTimeout(timer)
      await looking
    },
  }
}
