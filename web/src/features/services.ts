// What every feature is given. Constructed once, in `app`.

import { createContext, useContext } from "react";
import type { Browser, MediaDevicesLike } from "@client";
import type { Api } from "../api/client";
import type { Auth } from "../api/auth";
import type { Memory } from "../lib/storage";
import type { RememberedWishes } from "../state/wishes";

export interface Services {
  api: Api;
  auth: Auth;
  browser: Browser;
  media: MediaDevicesLike | undefined;
  wishes: RememberedWishes;
  /** Lives as long as the tab. */
  tab: Memory;
}

export const ServicesContext = createContext<Services | null>(null);

export function useServices(): Services {
  const services = useContext(ServicesContext);
  if (services === null) throw new Error("useServices outside of App");
  return services;
}
