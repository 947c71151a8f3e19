// What this browser remembers between visits. A browser that forbids storage forgets; nothing
// depends on it.

const PREFIX = "colloquy.";

export interface Memory {
  read(name: string): string | null;
  write(name: string, value: string | null): void;
}

export function memoryIn(storage: () => Storage): Memory {
  return {
    read: (name) => {
      try {
        return storage().getItem(PREFIX + name);
      } catch {
        return null;
      }
    },
    write: (name, value) => {
      try {
        if (value === null) storage().removeItem(PREFIX + name);
        else storage().setItem(PREFIX + name, value);
      } catch {
        // Forgetting is harmless.
      }
    },
  };
}
