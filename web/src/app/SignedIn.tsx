import type { ReactNode } from "react";
import { Navigate, useLocation } from "react-router";
import { useServices } from "../features/services";
import { useValue } from "../ui/useValue";
import { Waiting } from "../ui/Waiting";

/** Shows its children to whoever is signed in, and the sign-in page to others. */
export function SignedIn({ children }: { children: ReactNode }) {
  const user = useValue(useServices().auth.user);
  const { pathname } = useLocation();
  if (user === undefined) return <Waiting text="One moment" />;
  if (user === null) return <Navigate to={`/sign-in?next=${encodeURIComponent(pathname)}`} replace />;
  return children;
}
