/** The machines that a release is made for. */
export type Release = {
  /** As files and npm packages are named: `sento-VERSION-linux-x64-musl.tar.gz`. */
  readonly name: string
  readonly target: Bun.Build.CompileTarget
  /** The package of the registry with the runtime; release/package.json has its version, bun.lock its hash. */
  readonly runtime: string
  /** As npm names them (package.json's `cpu` and `libc`). */
  readonly cpu: "x64" | "arm64"
  readonly libc: "glibc" | "musl"
  /** The program that the kernel starts for such a file, and which is there on such a machine alone (ELF's PT_INTERP). */
  readonly loader: string
  /** Debian's name of the machine; null where there is no Debian of it. */
  readonly debian: "amd64" | "arm64" | null
}

/** x64 is Bun's baseline build, for any processor since 2008; its other one is built for AVX2 (Bun's documentation). */
export const releases: readonly Release[] = [
  {
    name: "linux-x64",
    target: "bun-linux-x64-baseline",
    runtime: "@oven/bun-linux-x64-baseline",
    cpu: "x64",
    libc: "glibc",
    loader: "/lib64/ld-linux-x86-64.so.2",
    debian: "amd64",
  },
  {
    name: "linux-arm64",
    target: "bun-linux-arm64",
    runtime: "@oven/bun-linux-aarch64",
    cpu: "arm64",
    libc: "glibc",
    loader: "/lib/ld-linux-aarch64.so.1",
    debian: "arm64",
  },
  {
    name: "linux-x64-musl",
    target: "bun-linux-x64-baseline-musl",
    runtime: "@oven/bun-linux-x64-musl-baseline",
    cpu: "x64",
    libc: "musl",
    loader: "/lib/ld-musl-x86_64.so.1",
    debian: null,
  },
  {
    name: "linux-arm64-musl",
    target: "bun-linux-arm64-musl",
    runtime: "@oven/bun-linux-aarch64-musl",
    cpu: "arm64",
    libc: "musl",
    loader: "/lib/ld-musl-aarch64.so.1",
    debian: null,
  },
]
