/** RFC 8188 section 3.1, "Encryption of a Response": one record, no key id. base64url, as printed there. */
export const rfc8188 = {
  key: "yqdlZ-tYemfogSmv7Ws5PQ",
  salt: "I1BsxtFttlv3u_Oo94xnmw",
  recordSize: 4096,
  plain: "I am the walrus",
  sealed: "I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg",
} as const
