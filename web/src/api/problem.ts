// What the API says when it does not do what was asked (RFC 9457).

/** An answer that is not a success, or no answer at all. */
export class Problem extends Error {
  constructor(
    /** Stable: what a program acts on. `unreachable` when there was no answer. */
    readonly code: string,
    /** The HTTP status; 0 when there was no answer. */
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export function unreachable(): Problem {
  return new Problem("unreachable", 0, "The server cannot be reached. Check your network, then try again.");
}

/** The problem in an answer's body, whatever the body is. */
export function problemOf(status: number, body: unknown): Problem {
  const { code, title, detail } = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const text = [detail, title].find((words) => typeof words === "string" && words !== "");
  return new Problem(
    typeof code === "string" ? code : `status_${status}`,
    status,
    typeof text === "string" ? text : plain(status),
  );
}

/** Words for a person, whatever was thrown. */
export function problemText(error: unknown): string {
  return error instanceof Problem ? error.message : "Something went wrong in this page. Load it again.";
}

function plain(status: number): string {
  if (status === 404) return "There is nothing here.";
  if (status === 429) return "Too many tries. Wait a minute, then try again.";
  if (status >= 500) return "The server had a fault. Try again in a moment.";
  return "The server did not accept this.";
}
