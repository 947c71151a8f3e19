import { UnstyledButton } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "./Toolbar.module.css";

interface ToolbarButtonProps {
  icon: ReactNode;
  /** Short, below the sign. */
  label: string;
  /** Longer, where the short label does not say all. */
  title?: string;
  /** A single letter. */
  shortcut?: string;
  count?: number;
  pressed?: boolean;
  /** `off`: the source is off; `on`: something runs; `danger`: it ends something. */
  tone?: "off" | "on" | "danger" | undefined;
  busy?: boolean;
  onClick: () => void;
  testId: string;
}

export function ToolbarButton({ icon, label, title = label, shortcut, count, pressed, tone, busy, onClick, testId }: ToolbarButtonProps) {
  return (
    <UnstyledButton
      className={`${classes.button} ${tone === undefined ? "" : classes[tone]} ${pressed === true ? classes.pressed : ""}`}
      aria-label={count === undefined ? title : `${title}: ${count}`}
      aria-keyshortcuts={shortcut}
      aria-expanded={pressed}
      aria-busy={busy}
      title={shortcut === undefined ? title : `${title} (${shortcut})`}
      onClick={onClick}
      data-testid={testId}
    >
      <span className={classes.icon}>
        {icon}
      </span>
      <span className={classes.label}>
        {label}
        {count !== undefined && `: ${count}`}
      </span>
    </UnstyledButton>
  );
}
