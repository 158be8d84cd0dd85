/** Permissions do not bind the superuser, so the superuser becomes nobody for a while. */
export async function withoutPrivileges(use: () => Promise<void>): Promise<void> {
  const isSuperuser = process.geteuid?.() === 0;
  if (isSuperuser) process.seteuid!(65_534);
  try {
    await use();
  } finally {
    if (isSuperuser) process.seteuid!(0);
  }
}
