/** What the operating system's error codes mean to whoever asked for a file. */
const REASONS = new Map([
  ["EACCES", "permission denied"],
  ["EBUSY", "it is in use"],
  ["EDQUOT", "the disk quota is used up"],
  ["EFBIG", "the file would be larger than allowed"],
  ["EIO", "the disk reports an error"],
  ["EISDIR", "it is a folder"],
  ["ELOOP", "its symbolic links go round in a circle"],
  ["EMFILE", "too many files are open"],
  ["ENAMETOOLONG", "the name is too long"],
  ["ENFILE", "too many files are open"],
  ["ENOENT", "it does not exist"],
  ["ENOSPC", "the disk is full"],
  ["ENOTDIR", "a part of the path is not a folder"],
  ["EPERM", "permission denied"],
  ["EROFS", "the file system is read-only"],
]);

/** The operating system's code of an error ("ENOENT"), undefined for any other error. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Why a file operation failed, in words that end a sentence, with the code: "the disk is full (ENOSPC)". */
export function systemErrorReason(error: unknown): string {
  const code = systemErrorCode(error);
  if (code === undefined) return error instanceof Error ? error.message : String(error);
  const reason = REASONS.get(code);
  return reason === undefined ? code : `${reason} (${code})`;
}
