// Every page and its address.

import { createBrowserRouter } from "react-router";
import { SetupPage } from "../features/account/SetupPage";
import { SignInPage } from "../features/account/SignInPage";
import { HomePage } from "../features/home/HomePage";
import { InvitePage, RoomPage } from "../features/meeting/MeetingPage";
import { BrokenPage, NotFoundPage } from "../features/missing/MissingPages";
import { SessionPage } from "../features/sessions/SessionPage";
import { SignedIn } from "./SignedIn";

export function routes() {
  return createBrowserRouter([
    {
      errorElement: <BrokenPage />,
      children: [
        { path: "/", element: <SignedIn><HomePage /></SignedIn> },
        { path: "/setup", element: <SetupPage /> },
        { path: "/sign-in", element: <SignInPage /> },
        { path: "/j/:invite", element: <InvitePage /> },
        { path: "/rooms/:id", element: <SignedIn><RoomPage /></SignedIn> },
        { path: "/sessions/:id", element: <SignedIn><SessionPage /></SignedIn> },
        { path: "*", element: <NotFoundPage /> },
      ],
    },
  ]);
}
