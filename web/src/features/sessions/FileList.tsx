import { Anchor, Text } from "@mantine/core";
import type { RecordingFile } from "../../api/types";
import { bytesText } from "../../lib/format";
import classes from "./Session.module.css";

const SOURCE_WORDS: Record<string, string> = {
  camera: "camera",
  microphone: "microphone",
  screen: "screen",
  screen_audio: "sound of the screen",
};

/** Each participant's own files, and the manifest with every hash. */
export function FileList({ files }: { files: readonly RecordingFile[] }) {
  const listed = files.filter(({ kind }) => kind === "composed" || kind === "track" || kind === "manifest");
  if (listed.length === 0) return null;
  const tapes = files.length - listed.length;
  return (
    <>
      <h3>Files</h3>
      <ul className={classes.files}>
        {listed.map((file) => (
          <li key={file.url} data-testid={`${file.kind}-file`}>
            <Anchor href={file.url} download>
              {fileName(file)}
            </Anchor>
            <span className={classes.size}>{bytesText(file.bytes)}</span>
            <span className={classes.hash}>
              SHA-256 <code>{file.sha256}</code>
            </span>
          </li>
        ))}
      </ul>
      {tapes > 0 && (
        <Text size="sm" c="dimmed">
          The manifest also lists {tapes} tape segments, the source of all these files.
        </Text>
      )}
    </>
  );
}

function fileName(file: RecordingFile): string {
  if (file.kind === "composed") return "Everyone together (MP4)";
  if (file.kind === "manifest") return "Manifest";
  const source = file.track?.split(":")[1] ?? "";
  return `${file.name ?? "Somebody"}, ${SOURCE_WORDS[source] ?? source}`;
}
