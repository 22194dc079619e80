/** A server that does nothing but read and refuse, to hold a Guardian against; its port goes to stdout. */
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  async fetch(request) {
    await request.arrayBuffer()
    return new Response(null, { status: 403 })
  },
})
process.stdout.write(`${server.port}\n`)
