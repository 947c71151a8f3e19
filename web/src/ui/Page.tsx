// The frame of every page but the room: brand, theme, whatever the page adds, and the main part.

import { type ReactNode, useEffect, useRef } from "react";
import { Link } from "react-router";
import { SchemeButton } from "./SchemeButton";

interface PageProps {
  /** The page's own heading and the browser tab's title. */
  title: string;
  /** Beside the theme button. */
  actions?: ReactNode;
  width?: "narrow" | "normal" | "wide";
  /** Hides the heading from the eye where the page draws its own. */
  children: ReactNode;
  testId?: string;
}

export function Page({ title, actions, width = "normal", children, testId }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Colloquy`;
    // A new page begins at its heading, for readers of the screen as for the eye.
    heading.current?.focus();
  }, [title]);
  return (
    <div className="page" data-testid={testId}>
      <a className="skip-link" href="#main">
        Skip to the content
      </a>
      <header className="page-header">
        <Link to="/" className="brand">
          <img src="/favicon.svg" width={28} height={28} alt="" />
          Colloquy
        </Link>
        <span className="spacer" />
        {actions}
        <SchemeButton />
      </header>
      <main id="main" className={`page-main ${width}`} tabIndex={-1}>
        <h1 ref={heading} tabIndex={-1} style={{ marginTop: 0, fontSize: 28, lineHeight: 1.2 }}>
          {title}
        </h1>
        {children}
      </main>
    </div>
  );
}
