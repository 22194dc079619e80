/** `bun run picture`: draws the layers and rooms into docs/DESIGN.md, from what imports what. */
import { pictureOf, readSources } from "./imports.ts"

export const pathOfDesign = new URL("../../docs/DESIGN.md", import.meta.url).pathname

/** The document with the picture as it is now. */
export async function drawn(text: string): Promise<string> {
  const { sources } = await readSources()
  const picture = `<!-- picture -->\n\n\`\`\`text\n${pictureOf(sources)}\n\`\`\`\n\n<!-- /picture -->`
  return text.replace(/<!-- picture -->[\s\S]*<!-- \/picture -->/, () => picture)
}

if (import.meta.main) await Bun.write(pathOfDesign, await drawn(await Bun.file(pathOfDesign).text()))
