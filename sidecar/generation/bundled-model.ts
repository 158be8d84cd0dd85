/** The checkpoint that comes with the program, seen from the bundle in dist/. */
export const BUNDLED_MODEL = `${__dirname}/../models`;
