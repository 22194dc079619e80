/** A line of SHA256SUMS, as `sha256sum -c` reads it. */
export const sumLine = (name: string, bytes: Uint8Array): string =>
  `${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}  ${name}\n`
