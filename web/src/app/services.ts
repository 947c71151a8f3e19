// The only place that constructs what features are given.

import { realBrowser } from "@client";
import { Api } from "../api/client";
import { Auth } from "../api/auth";
import type { Services } from "../features/services";
import { memoryIn } from "../lib/storage";
import { RememberedWishes } from "../state/wishes";

export function realServices(): Services {
  const fetcher: typeof fetch = (input, init) => window.fetch(input, init);
  const kept = memoryIn(() => window.localStorage);
  const auth = new Auth(fetcher, kept);
  return {
    api: new Api(fetcher, auth, window.location.origin),
    auth,
    browser: realBrowser(),
    // Absent on pages that are not secure, whatever the types say.
    media: (navigator as { mediaDevices?: MediaDevices }).mediaDevices,
    wishes: new RememberedWishes(kept),
    tab: memoryIn(() => window.sessionStorage),
  };
}
