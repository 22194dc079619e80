/**
 * What goes over the wire while two agents pair.
 * @see docs/PROTOCOL.md section 2
 */
import * as v from "valibot"
import { hostSchema } from "./addresses.ts"
import { fromBase64Url } from "./bytes.ts"
import { pointLength } from "./cpace.ts"
import { nameSchema } from "./names.ts"
import { sealingCoding } from "./sealing.ts"

export const suite = "CPACE-RISTR255-SHA512"

export const nonceLength = 16
export const pairingIdLength = 16
export const tagLength = 32

/** What this build can do; unknown ones of the other side are ignored. */
export const ownFeatures: readonly string[] = [sealingCoding]

const bytesOf = (length: number) =>
  v.pipe(
    v.string(),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const bytes = fromBase64Url(dataset.value, length)
      if (bytes === null) addIssue({ message: `not ${length} bytes of base64url` })
      return bytes ?? NEVER
    }),
  )

const portSchema = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535))
const agentIdSchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{8,64}$/))
const featuresSchema = v.pipe(v.array(v.pipe(v.string(), v.maxLength(64))), v.maxLength(32))

const introduction = {
  v: v.literal(1),
  name: nameSchema,
  /** The agent's own stable random id: a claim, never grounds to replace a pair. */
  agent: agentIdSchema,
  /** The TCP port of the side's listener. */
  port: portSchema,
  host: v.optional(hostSchema),
  nonce: bytesOf(nonceLength),
  features: featuresSchema,
}

export const helloSchema = v.object({ ...introduction, suite: v.literal(suite) })
export const introSchema = v.object({ ...introduction, pairing: bytesOf(pairingIdLength) })
export const helloAnswerSchema = v.object({
  intro: v.pipe(v.string(), v.maxLength(4096)),
  Y: bytesOf(pointLength),
})
export const confirmSchema = v.object({
  pairing: bytesOf(pairingIdLength),
  /** Not decoded here: a malformed point is the machine's to refuse. */
  Y: bytesOf(pointLength),
  tag: bytesOf(tagLength),
})
export const confirmAnswerSchema = v.object({ tag: bytesOf(tagLength) })
export const decisionSchema = v.object({ pairing: bytesOf(pairingIdLength), tag: bytesOf(tagLength) })
export const decisionAnswerSchema = v.object({
  state: v.picklist(["waiting", "approved", "denied", "expired"]),
  tag: bytesOf(tagLength),
})

export type Hello = v.InferOutput<typeof helloSchema>
export type Intro = v.InferOutput<typeof introSchema>
export type Confirm = v.InferOutput<typeof confirmSchema>
export type DecisionState = v.InferOutput<typeof decisionAnswerSchema>["state"]

/** What one side says of itself in `hello` or `intro`. */
export type Self = {
  readonly name: string
  readonly agent: string
  readonly port: number
  /** Where its owner set an address for others to use; null: the address the connection came from. */
  readonly host: string | null
}
