/**
 * `bun bench/looks.ts [--count N]`: what one look at a pane costs, by a spawned `tmux` with chained commands
 * (as src/tmux/snapshot.ts does) and over one control-mode client (`tmux -C`) that stays attached. The looks
 * alternate, so both meet the same load. The results are in docs/DELIVERY.md.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { findPane } from "../src/tmux/pane.ts"
import { look } from "../src/tmux/snapshot.ts"
import { runTmux, type TmuxServer } from "../src/tmux/tmux.ts"
import { printTable } from "./lab/table.ts"

const { values } = parseArgs({ options: { count: { type: "string", default: "300" } } })
const fields = "#{pane_id} #{pane_pid} #{cursor_x} #{cursor_y} #{pane_in_mode} #{pane_title}"

const directory = mkdtempSync(join(tmpdir(), "sento-looks-"))
const server: TmuxServer = { socket: join(directory, "tmux"), mayStart: true }
try {
  await measure(Number(values.count))
} finally {
  await runTmux(server, ["kill-server"])
  rmSync(directory, { recursive: true, force: true })
}

async function measure(count: number): Promise<void> {
  const filled = "for i in $(seq 38); do printf '\\033[3%dm%0100d\\n' $((i % 8)) $i; done; exec cat"
  const size = ["-x", "120", "-y", "40"]
  await runTmux(server, ["-f", "/dev/null", "new-session", "-d", "-s", "looks", ...size, "sh", "-c", filled])
  await Bun.sleep(500)
  const pinned = await findPane(server, "looks")
  if (pinned === null) throw new Error("the session did not start")
  const commands = ["display-message", "-p", "-t", pinned.pane, fields]
  const capture = ["capture-pane", "-p", "-e", "-t", pinned.pane]
  const control = startControl(server)
  await control.ask("display-message -p attached", 1)
  const line = `display-message -p -t ${pinned.pane} '${fields}' ; ${capture.join(" ")}`
  const ways = {
    "spawned tmux": () => runTmux(server, [...commands, ";", ...capture]),
    "control mode": () => control.ask(line, 2),
    "whole look, spawned": () => look(server, pinned),
  }
  const times = new Map<string, number[]>(Object.keys(ways).map(name => [name, []]))
  for (let index = 0; index < count; index++)
    for (const [name, way] of Object.entries(ways)) times.get(name)?.push(await timed(way))
  control.close()
  printTable(
    ["way", "looks", "median ms", "95 % below ms"],
    [...times].map(([name, all]) => [name, String(all.length), quantile(all, 0.5), quantile(all, 0.95)]),
  )
}

async function timed(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await action()
  return performance.now() - start
}

function quantile(numbers: readonly number[], part: number): string {
  const sorted = numbers.toSorted((a, b) => a - b)
  return (sorted[Math.floor(sorted.length * part)] ?? Number.NaN).toFixed(2)
}

/** A control client: each command of a line answers with a block from `%begin` to `%end` or `%error`. */
function startControl({ socket }: TmuxServer) {
  const { TMUX: _, ...env } = process.env
  const child = Bun.spawn(["tmux", "-u", "-S", socket ?? "", "-C", "attach", "-t", "looks"], {
    ...{ stdin: "pipe", stdout: "pipe", stderr: "inherit", env },
  })
  const reader = child.stdout.getReader()
  const decoder = new TextDecoder()
  return {
    ask: async (line: string, blocks: number): Promise<string> => {
      child.stdin.write(`${line}\n`)
      await child.stdin.flush()
      let answer = ""
      while ((answer.match(/^%(end|error) .* 1$/gm) ?? []).length < blocks) {
        const { value, done } = await reader.read()
        if (done) throw new Error(`the control client ended after ${answer}`)
        answer += decoder.decode(value, { stream: true })
      }
      return answer
    },
    close: () => child.kill(),
  }
}
