/** The least a compiled program does: what a start-up is held against. */
console.log("hello")
