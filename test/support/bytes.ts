/** Bytes for tests, written as vectors and people write them. */
import { type Bytes, utf8 } from "../../src/protocol/bytes.ts"

export const hex = (text: string): Bytes => new Uint8Array(Buffer.from(text, "hex"))

export const base64url = (text: string): Bytes => new Uint8Array(Buffer.from(text, "base64url"))

/** `length` times the same byte: what a test hands over where the program draws random bytes. */
export const filled = (length: number, byte: number): Bytes => new Uint8Array(length).fill(byte)

export const json = (value: unknown): Bytes => utf8(JSON.stringify(value))
