/** What a row of the bench is. A new one is a file in rows/ and its name in rows/all.ts. */
import type { Stage } from "./stage.ts"

export type Row = {
  /** By which `bun run bench NAME` finds it. */
  readonly name: string
  /** What it is held against, in words. */
  readonly reference: string
  /** What each turn gives, a line of the table each. */
  readonly figures: readonly Figure[]
  /** How often each side is measured; one more turn before them is not counted. */
  readonly turns: number
  /** How long a turn lasts that watches something over time, in a full run: `--seconds 60`. */
  readonly seconds?: number
  /** … and the one that is not counted, where it is not as long. */
  readonly firstSeconds?: number
  /** All sides at the same time, where none keeps another from its processor; otherwise one after another. */
  readonly isSideBySide?: boolean
  /** Sets each side up, once. */
  readonly measure: {
    readonly sento: (stage: Stage, binary: string) => Promise<Take>
    /** `binary`: of the sento that is measured, where it is held against itself. */
    readonly reference: (stage: Stage, binary: string) => Promise<Take>
  }
}

/** Measures one side once. @param seconds - the row's own, as long as this run wants them */
export type Take = (seconds: number) => Promise<Sample>

/** A value for each figure, by its name. */
export type Sample = Readonly<Record<string, number>>

export type Figure = { readonly name: string; readonly unit: string; readonly bar: Bar | null }

/** A limit for the ratio to the reference, for what comes on top of it, or for the median itself. */
export type Bar = {
  readonly of: "ratio" | "above" | "median"
  readonly is: "at most" | "at least"
  readonly limit: number
}

export const ratioAtMost = (limit: number): Bar => ({ of: "ratio", is: "at most", limit })
export const ratioAtLeast = (limit: number): Bar => ({ of: "ratio", is: "at least", limit })
export const medianAtMost = (limit: number): Bar => ({ of: "median", is: "at most", limit })
export const aboveAtMost = (limit: number): Bar => ({ of: "above", is: "at most", limit })
