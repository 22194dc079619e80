/**
 * Ranges of signs, for a character class with the flag `u`. Written by bench/joining-types.ts, which says from what.
 * @see RFC 5892, appendix A.1 and A.2
 */

/** Joining_Type L or D: letters that join to what follows them. */
export const joinsToNext =
  String.raw`\u0620\u0626\u0628\u062A-\u062E\u0633-\u063F\u0641-\u0647` +
  String.raw`\u0649\u064A\u066E\u066F\u0678-\u0687\u069A-\u06BF` +
  String.raw`\u06C1\u06C2\u06CC\u06CE\u06D0\u06D1` +
  String.raw`\u06FA-\u06FC\u06FF\u0712-\u0714\u071A-\u071D\u071F-\u0727\u0729` +
  String.raw`\u072B\u072D\u072E\u074E-\u0758\u075C-\u076A\u076D-\u0770` +
  String.raw`\u0772\u0775-\u0777\u077A-\u077F\u07CA-\u07EA\u0841-\u0845\u0848` +
  String.raw`\u084A-\u0853\u0855\u0860\u0862-\u0865\u0868\u0886` +
  String.raw`\u0889-\u088D\u088F\u08A0-\u08A9\u08AF\u08B0\u08B3-\u08B8` +
  String.raw`\u08BA-\u08C8\u1807\u1820-\u1878\u1887-\u18A8\u18AA\uA840-\uA872` +
  String.raw`\u{10AC0}-\u{10AC4}\u{10ACD}\u{10AD3}-\u{10ADC}\u{10ADE}-\u{10AE0}\u{10AEB}-\u{10AEE}\u{10B80}` +
  String.raw`\u{10B82}\u{10B86}-\u{10B88}\u{10B8A}\u{10B8B}\u{10B8D}\u{10B90}` +
  String.raw`\u{10BAD}\u{10BAE}\u{10D00}-\u{10D21}\u{10D23}\u{10EC3}\u{10EC4}` +
  String.raw`\u{10EC6}\u{10EC7}\u{10ED9}-\u{10EEE}\u{10F30}-\u{10F32}\u{10F34}-\u{10F44}\u{10F51}-\u{10F53}` +
  String.raw`\u{10F70}-\u{10F73}\u{10F76}-\u{10F81}\u{10FB0}\u{10FB2}\u{10FB3}\u{10FB8}` +
  String.raw`\u{10FBB}\u{10FBC}\u{10FBE}\u{10FBF}\u{10FC1}\u{10FC4}` +
  String.raw`\u{10FCA}\u{10FCB}\u{1E900}-\u{1E943}`

/** Joining_Type R or D: letters that join to what stands before them. */
export const joinsToPrevious =
  String.raw`\u0620\u0622-\u063F\u0641-\u064A\u066E\u066F\u0671-\u0673` +
  String.raw`\u0675-\u06D3\u06D5\u06EE\u06EF\u06FA-\u06FC\u06FF` +
  String.raw`\u0710\u0712-\u072F\u074D-\u077F\u07CA-\u07EA\u0840-\u0858\u0860` +
  String.raw`\u0862-\u0865\u0867-\u086A\u0870-\u0882\u0886\u0889-\u088F\u08A0-\u08AC` +
  String.raw`\u08AE-\u08C8\u1807\u1820-\u1878\u1887-\u18A8\u18AA\uA840-\uA871` +
  String.raw`\u{10AC0}-\u{10AC5}\u{10AC7}\u{10AC9}\u{10ACA}\u{10ACE}-\u{10AD6}\u{10AD8}-\u{10AE1}` +
  String.raw`\u{10AE4}\u{10AEB}-\u{10AEF}\u{10B80}-\u{10B91}\u{10BA9}-\u{10BAE}\u{10D01}-\u{10D23}\u{10EC2}-\u{10EC4}` +
  String.raw`\u{10EC6}\u{10EC7}\u{10F30}-\u{10F44}\u{10F51}-\u{10F54}\u{10F70}-\u{10F81}\u{10FB0}` +
  String.raw`\u{10FB2}-\u{10FB6}\u{10FB8}-\u{10FBF}\u{10FC1}-\u{10FC4}\u{10FC9}\u{10FCA}\u{1E900}-\u{1E943}`

/** Canonical_Combining_Class 9: signs that take a consonant's vowel away. */
export const virama =
  String.raw`\u094D\u09CD\u0A4D\u0ACD\u0B4D\u0BCD` +
  String.raw`\u0C4D\u0CCD\u0D3B\u0D3C\u0D4D\u0DCA` +
  String.raw`\u0E3A\u0EBA\u0F84\u1039\u103A\u1714` +
  String.raw`\u1715\u1734\u17D2\u1A60\u1B44\u1BAA` +
  String.raw`\u1BAB\u1BF2\u1BF3\u2D7F\uA806\uA82C` +
  String.raw`\uA8C4\uA953\uA9C0\uAAF6\uABED\u{10A3F}` +
  String.raw`\u{11046}\u{11070}\u{1107F}\u{110B9}\u{11133}\u{11134}` +
  String.raw`\u{111C0}\u{11235}\u{112EA}\u{1134D}\u{113CE}-\u{113D0}\u{11442}` +
  String.raw`\u{114C2}\u{115BF}\u{1163F}\u{116B6}\u{1172B}\u{11839}` +
  String.raw`\u{1193D}\u{1193E}\u{119E0}\u{11A34}\u{11A47}\u{11A99}` +
  String.raw`\u{11C3F}\u{11D44}\u{11D45}\u{11D97}\u{11F41}\u{11F42}` +
  String.raw`\u{1612F}`
