// Plain words for a recording that cannot be kept: what is wrong, and what a host can do.

import type { TroubleReason } from "@client";

/** What is wrong, to stand in the middle of a sentence. */
export function troubleWords(reason: TroubleReason): string {
  switch (reason) {
    case "disk_full":
      return "the server's disk is full";
    case "read_only":
      return "the server's disk cannot be written";
    case "unwritable":
      return "the server's disk fails";
  }
}

/** What a host can do about it. */
export function troubleTodo(reason: TroubleReason): string {
  const ask = reason === "disk_full" ? "free some space" : "look at the server's disk";
  return `Ask whoever runs this server to ${ask}. What must not be lost, say again later or write down now.`;
}

/** What everyone is told when it begins. */
export function troubleBegins(reason: TroubleReason): string {
  return `Recording is interrupted: ${troubleWords(reason)}. The meeting goes on.`;
}

/** What everyone is told when it is over. */
export const TROUBLE_OVER = "Recording goes on. What happened meanwhile may be missing in it.";
