/** Every machine's effects are performed by one switch, and every event that it knows is sent by somebody. */
import { describe, expect, test } from "bun:test"

const root = new URL("../src/", import.meta.url).pathname
const files = [...new Bun.Glob("**/*.ts").scanSync(root)].sort()
const texts = new Map(
  await Promise.all(files.map(async file => [file, await Bun.file(`${root}${file}`).text()] as const)),
)

type Machine = { readonly file: string; readonly name: string; readonly events: readonly string[] }

/** A file that exports a type `…Event` and a type `…Effect` of the same name. */
function machineIn(file: string, text: string): Machine[] {
  const name = /^export type (\w+)Effect =/m.exec(text)?.[1]
  const events = new RegExp(`^export type ${name}Event =([\\s\\S]*?)\\n\\n`, "m").exec(text)?.[1]
  if (name === undefined || events === undefined) return []
  // A kind within `Extract<…>` or `Exclude<…>` is another type's.
  const own = events.replace(/\b(?:Extract|Exclude)<[^>]*>/g, "")
  return [{ file, name, events: [...own.matchAll(/kind: "([\w-]+)"/g)].map(([, kind = ""]) => kind) }]
}

const machines = [...texts].flatMap(([file, text]) => machineIn(file, text))
const others = (machine: Machine): [string, string][] => [...texts].filter(([file]) => file !== machine.file)

test("the machines are known", () => {
  expect(machines.map(one => one.name)).toEqual(expect.arrayContaining(["Joiner", "Loop", "Minter", "Turn"]))
  expect(machines.filter(one => one.events.length === 0)).toEqual([])
})

describe.each(machines)("$file", machine => {
  test("one other file performs its effects, in a switch for which the compiler asks to be whole", () => {
    const performers = others(machine).filter(
      ([, text]) => text.includes(`${machine.name}Effect`) && text.includes("effect satisfies never"),
    )
    expect(performers.map(([file]) => file)).toHaveLength(1)
  })

  test.each([...machine.events])("somebody sends %s", kind => {
    const senders = others(machine).filter(
      ([, text]) => text.includes(`/${machine.file.split("/").at(-1)}"`) && text.includes(`"${kind}"`),
    )
    expect(senders.map(([file]) => file)).not.toEqual([])
  })
})
