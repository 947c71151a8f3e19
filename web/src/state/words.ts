// Plain words for what goes wrong with devices and connections, and what to do about it.

import type { DeviceProblem, LeftReason } from "@client";

export interface Words {
  what: string;
  todo: string;
}

/** Why a camera or microphone gives nothing. */
export function deviceWords(device: "camera" | "microphone", problem: DeviceProblem): Words {
  const The = device === "camera" ? "The camera" : "The microphone";
  switch (problem) {
    case "denied":
      return {
        what: `This page may not use your ${device}.`,
        todo: `Press the ${device} or lock sign beside the address, allow the ${device}, then try again. If the system asks, allow it there too.`,
      };
    case "missing":
      return {
        what: `No ${device} was found.`,
        todo: `Plug one in or choose another below. You can also join without it.`,
      };
    case "in_use":
      return {
        what: `${The} is used by another program.`,
        todo: `Close the other program or tab that uses it, then try again.`,
      };
    case "insecure":
      return {
        what: `Browsers give cameras and microphones only to secure pages.`,
        todo: `Open this page over https, or on the server's own machine. You can join and listen meanwhile.`,
      };
    case "ended":
      return { what: `${The} stopped.`, todo: `It may have been unplugged. Plug it in or choose another.` };
    case "unknown":
      return { what: `${The} could not be started.`, todo: `Try again, or choose another device below.` };
  }
}

/** Why somebody is not in the room any more. */
export function leftWords(reason: LeftReason): Words {
  switch (reason) {
    case "left":
      return { what: "You left the meeting.", todo: "You can come back while it goes on." };
    case "ended":
      return { what: "The meeting has ended.", todo: "The host ended it for everyone." };
    case "removed":
      return { what: "The host sent you out of the meeting.", todo: "Ask the host if you think this is a mistake." };
    case "replaced":
      return {
        what: "You joined from another tab or device.",
        todo: "The meeting goes on there. You can come back here instead.",
      };
    case "unreachable":
      return {
        what: "The connection was lost and did not come back.",
        todo: "Check your network, then join again.",
      };
    case "full":
      return { what: "The room is full.", todo: "Try again when somebody has left." };
    case "outdated":
      return { what: "This page is out of date.", todo: "Load the page again, then join." };
    case "draining":
    case "grant_expired":
      return { what: "The server closed your place in the meeting.", todo: "You can join again." };
    case "refused":
      return { what: "The server did not let you in.", todo: "Open the invite link again. If that does not help, ask the host for a new one." };
  }
}
