import { cpus, loadavg, release, totalmem } from "node:os"

/** On what a run was made, for whoever reads its table later. `sento`: what `--version --json` says of each binary. */
export type Machine = {
  readonly date: string
  readonly processor: string
  readonly cores: number
  /** Processes that were ready to run, on the average of the last 15 minutes. */
  readonly load: number
  readonly memoryMebibytes: number
  readonly kernel: string
  readonly bun: string
  readonly tmux: string
  readonly sento: readonly string[]
}

export function describeMachine(binaries: readonly string[]): Machine {
  const processors = cpus()
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: processors[0]?.model ?? "unknown",
    cores: processors.length,
    load: loadavg()[2] ?? 0,
    memoryMebibytes: Math.round(totalmem() / 1024 / 1024),
    kernel: release(),
    bun: Bun.version,
    tmux: said(["tmux", "-V"]),
    sento: binaries.map(binary => said([binary, "--version", "--json"])),
  }
}

export const machineWords = (machine: Machine): string =>
  `${machine.date}, ${machine.cores} × ${machine.processor}, ${machine.memoryMebibytes} MiB, Linux ${machine.kernel}, ` +
  `Bun ${machine.bun}, ${machine.tmux}, load ${machine.load.toFixed(1)}, sento ${machine.sento.join(" against ")}`

const said = (command: string[]): string => Bun.spawnSync(command).stdout.toString().trim()
