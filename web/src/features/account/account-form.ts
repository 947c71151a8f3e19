// What an account needs before it is worth asking the server. The server decides.

/** The server's own least. */
export const LEAST_PASSWORD_LENGTH = 8;

export interface Owner {
  name: string;
  email: string;
  password: string;
}

export function ownerProblems({ name, email, password }: Owner): Partial<Record<keyof Owner, string>> {
  const problems: Partial<Record<keyof Owner, string>> = {};
  if (name.trim() === "") problems.name = "Give a name.";
  if (!/^[^\s@]+@[^\s@]+$/.test(email.trim())) problems.email = "This is not an e-mail address.";
  if ([...password].length < LEAST_PASSWORD_LENGTH) {
    problems.password = `Use at least ${LEAST_PASSWORD_LENGTH} characters.`;
  }
  return problems;
}

/** Where to go after signing in: a path of ours, never another site. */
export function nextPath(wanted: string | null): string {
  if (wanted === null || !wanted.startsWith("/") || wanted.startsWith("//") || wanted.includes("\\")) return "/";
  return wanted;
}
