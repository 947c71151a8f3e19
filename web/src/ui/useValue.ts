// The one bridge from values to React.

import { useSyncExternalStore } from "react";
import type { Value } from "@client/lib/value";

/** The value now; the component renders again when it changes. */
export function useValue<T>(value: Value<T>): T {
  return useSyncExternalStore(value.subscribe, value.get, value.get);
}
