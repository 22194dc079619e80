/** argv → command; the only place that ends the process. */
import { processIo } from "./commands/io.ts"
import { run } from "./commands/run.ts"

process.exit(await run(processIo(), process.argv.slice(2)))
