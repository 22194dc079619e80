/** What a call that must fail fails with: anything else but a SentoError goes on as it is. */
import { SentoError } from "../../src/protocol/errors.ts"

export function errorOf(work: () => unknown): SentoError {
  try {
    work()
  } catch (error) {
    if (error instanceof SentoError) return error
    throw error
  }
  throw new Error("nothing was thrown")
}

export const rejectionOf = (work: Promise<unknown>): Promise<SentoError> =>
  work.then(
    () => {
      throw new Error("it went")
    },
    error => {
      if (error instanceof SentoError) return error
      throw error
    },
  )
