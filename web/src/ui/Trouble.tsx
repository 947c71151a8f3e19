import { Alert } from "@mantine/core";
import type { ReactNode } from "react";
import { WarningIcon } from "./icons";

interface TroubleProps {
  title?: string;
  children: ReactNode;
  testId?: string;
  /** Read at once by a screen reader. */
  urgent?: boolean;
}

/** Something went wrong, or must be known: in words, with a sign, never by colour alone. */
export function Trouble({ title, children, testId, urgent = true }: TroubleProps) {
  return (
    <Alert
      variant="outline"
      color="red"
      title={title}
      icon={<WarningIcon />}
      role={urgent ? "alert" : "note"}
      data-testid={testId}
      styles={{
        root: { borderColor: "var(--danger-text)", background: "light-dark(#fff5f5, #2b1c1e)" },
        label: { color: "var(--danger-text)" },
        icon: { color: "var(--danger-text)" },
        message: { color: "var(--mantine-color-text)" },
      }}
    >
      {children}
    </Alert>
  );
}
