// One `colloquy serve` of its own for each test file: free ports, a temporary data directory,
// loopback only.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Longest time from start to a ready server. */
const READY_WITHIN_MS = 30_000;
/** How often a server that starts is asked whether it is ready. */
const READY_ASKED_EVERY_MS = 20;
/** Longest time from SIGTERM to the end of the process. */
const STOP_WITHIN_MS = 15_000;
/** Ports that are tried for a pair of free UDP ports. */
const PORT_TRIES = 20;

/** The program under test. */
export function binary(): string {
  const path = process.env['COLLOQUY_BINARY'];
  if (path === undefined) {
    throw new Error('COLLOQUY_BINARY must name the colloquy program under test (make test sets it)');
  }
  return path;
}

async function freeTcpPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') {
        reject(new Error('no port'));
        return;
      }
      server.close(() => resolve(address.port));
    });
  });
}

async function udpPortIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => resolve(false));
    socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)));
  });
}

/** Two neighbouring UDP ports: one for each of two shards. */
async function freeUdpPorts(): Promise<number> {
  for (let attempt = 0; attempt < PORT_TRIES; attempt += 1) {
    const port = 20_000 + Math.floor(Math.random() * 20_000);
    if ((await udpPortIsFree(port)) && (await udpPortIsFree(port + 1))) {
      return port;
    }
  }
  throw new Error(`no two neighbouring free UDP ports in ${PORT_TRIES} tries`);
}

export const OWNER = {
  name: 'Olga Owner',
  email: 'olga@example.org',
  password: 'a long enough passphrase',
};

/** A running server. */
export class Server {
  readonly url: string;
  readonly directory: string;
  /** The UDP port of the media, on 127.0.0.1. */
  readonly mediaPort: number;
  #environment: Record<string, string>;
  #process: ChildProcess | undefined;
  #log: string[] = [];

  private constructor(url: string, directory: string, environment: Record<string, string>) {
    this.url = url;
    this.mediaPort = Number(environment['COLLOQUY__SFU__UDP_PORT']);
    this.directory = directory;
    this.#environment = environment;
  }

  /**
   * Starts a server. With `owner` the first account exists already; else the setup page waits.
   * With `mediaAt` its one media port is advertised at that address, and there is no way around.
   * `settings` are further ones, by their names in the environment.
   */
  static async start(options: {
    owner: boolean;
    mediaAt?: string;
    settings?: Record<string, string>;
  }): Promise<Server> {
    const directory = mkdtempSync(join(tmpdir(), 'colloquy-e2e-'));
    const port = await freeTcpPort();
    const url = `http://127.0.0.1:${port}`;
    const environment: Record<string, string> = {
      COLLOQUY__HTTP__LISTEN: `127.0.0.1:${port}`,
      COLLOQUY__HTTP__PUBLIC_URL: url,
      COLLOQUY__DATA__DIR: join(directory, 'data'),
      COLLOQUY__SFU__UDP_PORT: String(await freeUdpPorts()),
      COLLOQUY__SFU__SHARDS: '2',
      COLLOQUY__TURN__PORT: String(await freeUdpPorts()),
      ...options.settings,
    };
    if (options.mediaAt !== undefined) {
      environment['COLLOQUY__SFU__ADVERTISE_IP'] = options.mediaAt;
      environment['COLLOQUY__SFU__SHARDS'] = '1';
      environment['COLLOQUY__TURN__ENABLED'] = 'false';
    }
    if (options.owner) {
      environment['COLLOQUY__SETUP__OWNER_EMAIL'] = OWNER.email;
      environment['COLLOQUY__SETUP__OWNER_PASSWORD'] = OWNER.password;
    }
    const server = new Server(url, directory, environment);
    await server.#launch();
    return server;
  }

  /** Everything the server has printed. */
  get log(): string {
    return this.#log.join('');
  }

  /** The one-time link to the first-run page, as printed. */
  get setupUrl(): string {
    const found = /https?:\/\/\S+\/setup#token=\S+/.exec(this.log);
    if (found === null) {
      throw new Error(`no setup link was printed:\n${this.log}`);
    }
    return found[0];
  }

  /** Starts the program. Answers when it listened again: the last moment at which nobody had seen it do so. */
  async #launch(): Promise<number> {
    const child = spawn(binary(), ['serve'], {
      cwd: this.directory,
      env: { ...process.env, ...this.#environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    const keep = (chunk: Buffer) => this.#log.push(chunk.toString());
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const deadline = Date.now() + READY_WITHIN_MS;
    let listensSince: number | undefined;
    while (Date.now() < deadline) {
      if (child.exitCode !== null) {
        throw new Error(`colloquy ended with ${child.exitCode}:\n${this.log}`);
      }
      const askedAt = Date.now();
      const answer = await fetch(`${this.url}/readyz`).catch(() => undefined);
      if (answer !== undefined) {
        listensSince ??= askedAt;
      }
      if (answer?.ok === true && listensSince !== undefined) {
        return listensSince;
      }
      await new Promise((resolve) => setTimeout(resolve, READY_ASKED_EVERY_MS));
    }
    throw new Error(`not ready within ${READY_WITHIN_MS} ms:\n${this.log}`);
  }

  /** The value of a metric, summed over its labels. */
  async metric(name: string, labels: Record<string, string> = {}): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    let sum = 0;
    for (const line of text.split('\n')) {
      const found = /^([a-z0-9_]+)(\{.*\})? ([0-9.eE+-]+)$/.exec(line);
      if (found === null || found[1] !== name) {
        continue;
      }
      const given = found[2] ?? '';
      const fits = Object.entries(labels).every(([key, value]) =>
        given.includes(`${key}="${value}"`),
      );
      sum += fits ? Number(found[3]) : 0;
    }
    return sum;
  }

  /** Recomputes every hash of a recording with the command that a person would use. */
  async verify(recording: string): Promise<string> {
    const run = promisify(execFile);
    const { stdout } = await run(binary(), ['recording', 'verify', recording], {
      cwd: this.directory,
      env: { ...process.env, ...this.#environment },
    });
    return stdout;
  }

  /** From now on no file of the server may be longer than so many bytes: a full disk to it. */
  async limitFiles(bytes: number | 'unlimited'): Promise<void> {
    const process = String(this.#process?.pid);
    await promisify(execFile)('prlimit', ['--pid', process, `--fsize=${bytes}:unlimited`]);
  }

  /** Stops politely; fails when the process outlives its promise. */
  async stop(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
      return;
    }
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    let late: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      late = setTimeout(() => {
        child.kill('SIGKILL');
        reject(new Error(`did not stop within ${STOP_WITHIN_MS} ms of SIGTERM:\n${this.log}`));
      }, STOP_WITHIN_MS);
    });
    await Promise.race([ended, tooLate]);
    clearTimeout(late);
  }

  /** Kills the process without a word of warning. Answers when, in milliseconds since the epoch. */
  async kill(): Promise<number> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`there is no server to kill:\n${this.log}`);
    }
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGKILL');
    const killedAt = Date.now();
    await ended;
    return killedAt;
  }

  /**
   * Starts again what was killed, and waits until it is ready. Answers when it listened, in
   * milliseconds since the epoch.
   */
  async rise(): Promise<number> {
    return this.#launch();
  }

  /** What `colloquy doctor` says about a data directory that no server uses. */
  async examine(directory: string): Promise<string> {
    const run = promisify(execFile);
    const { stdout } = await run(binary(), ['doctor'], {
      cwd: this.directory,
      env: {
        ...process.env,
        COLLOQUY__DATA__DIR: directory,
        COLLOQUY__HTTP__LISTEN: '127.0.0.1:0',
        COLLOQUY__SFU__UDP_PORT: '0',
        COLLOQUY__TURN__ENABLED: 'false',
      },
    });
    return stdout;
  }

  /** Stops and starts again on the same ports and data. */
  async restart(): Promise<void> {
    await this.stop();
    await this.#launch();
  }

  /** Stops and removes every trace. */
  async dispose(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
