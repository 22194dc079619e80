/** What a command costs an agent in the middle of its turn, as a whole process. */
import { utimesSync } from "node:fs"
import { join } from "node:path"
import { messageBody, post, signSealed } from "../../../test/support/client.ts"
import { type Figure, type Row, ratioAtMost, type Sample, type Take } from "../row.ts"
import type { Home, Run, RunOptions, Stage } from "../stage.ts"

const peers = 100
/** Of a home whose Guardian went less than 10 s ago, `sento hook` waits for the next one. */
const longAgo = new Date(0)
/** As a message begins: of any other prompt a hook has less to look up. */
const prompt = JSON.stringify({ session_id: "s", prompt_id: "p", prompt: "← agent mira [k7q2]: hello" })

export const version = startUp("version", 1.3, async stage => ({ home: stage.home(), words: ["--version"] }))

/** Each of the peers has written once, and no Guardian runs. */
export const agents = startUp("agents", 2.5, async (stage, binary) => {
  const home = stage.home(stage.amount(peers))
  const guardian = await stage.guardian(binary, home)
  for (const pair of home.pairs) {
    const { status } = await post(guardian.port, signSealed(pair, messageBody(Date.now())))
    if (status !== 202) throw new Error(`a message was answered with ${status}`)
  }
  await guardian.stop()
  return { home, words: ["agents"] }
})

export const hook = startUp("hook", 2, async (stage, binary) => {
  const home = stage.home()
  await stage.guardian(binary, home)
  return { home, words: ["hook", "UserPromptSubmit"], input: prompt }
})

/** By its owner's word: any other that has gone would be started again by the first hook. */
export const hookAlone = startUp("hook-alone", 2, async (stage, binary) => {
  const home = stage.home()
  await stage.guardian(binary, home)
  await stage.run([binary, "guard", "stop"], { home })
  utimesSync(join(home.path, ".sento"), longAgo, longAgo)
  return { home, words: ["hook", "UserPromptSubmit"], input: prompt }
})

type Prepared = { readonly home: Home; readonly words: readonly string[]; readonly input?: string }

/** @param limit - for the ratio of its wall time to that of the compiled hello */
function startUp(
  name: string,
  limit: number,
  prepare: (stage: Stage, binary: string) => Promise<Prepared>,
): Row {
  const figures: readonly Figure[] = [
    { name: "wall", unit: "ms", bar: ratioAtMost(limit) },
    { name: "cpu", unit: "ms", bar: null },
  ]
  return {
    name,
    reference: "compiled hello",
    figures,
    turns: 30,
    measure: {
      sento: async (stage, binary) => {
        const { words, ...options } = await prepare(stage, binary)
        return taking(stage, [binary, ...words], options)
      },
      reference: compiledHello,
    },
  }
}

/** What a start-up is held against. */
export async function compiledHello(stage: Stage): Promise<Take> {
  return taking(stage, [await stage.reference("hello")], { home: stage.home() })
}

const taking = (stage: Stage, command: readonly string[], options: RunOptions): Take => {
  return async () => timesOf(await stage.run(command, options))
}

const timesOf = ({ wall, cpu }: Run): Sample => ({ wall, cpu })
