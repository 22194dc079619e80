/** How much of what a hook tells is taken: more of a prompt's tags, or of the last words, says nothing new. */

export const mostTags = 16
/** UTF-16 units. Words that are longer are too long to be sent as they are. */
export const mostLastWords = 40_000
/** UTF-16 units of the id of a session or of a turn. */
export const mostIdUnits = 200
