/** Why a picture cannot go where it should, in the language of VS Code. */
export class InsertFailure extends Error {
  constructor(
    message: string,
    /** Whether trusting the workspace would allow it. */
    readonly needsTrust = false,
  ) {
    super(message);
    this.name = "InsertFailure";
  }
}
