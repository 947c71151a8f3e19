import { CloseButton, VisuallyHidden } from "@mantine/core";
import type { Notes } from "../../state/notes";
import { useValue } from "../../ui/useValue";
import classes from "./Room.module.css";

/** What just happened: for the eye for a while, for a screen reader once. */
export function NotesList({ notes }: { notes: Notes }) {
  const shown = useValue(notes.shown);
  const said = useValue(notes.said);
  return (
    <>
      <VisuallyHidden role="status" aria-live="polite" data-testid="announcement">
        {said}
      </VisuallyHidden>
      <div className={classes.notes}>
        {shown.map((note) => (
          <div key={note.id} className={note.kind === "problem" ? classes.problemNote : classes.note}>
            <span aria-hidden="true">{note.text}</span>
            <CloseButton size="sm" c="inherit" aria-label={`Close the note: ${note.text}`} onClick={() => notes.dismiss(note.id)} />
          </div>
        ))}
      </div>
    </>
  );
}
