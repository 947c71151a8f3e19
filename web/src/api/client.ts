// Every request that the pages make, one function each. A refused access token is renewed once.

import { type Auth, bearer } from "./auth";
import { Problem, problemOf, unreachable } from "./problem";
import type { Invitation, JoinAnswer, Page, Recording, RoomView, SessionRecord, SessionSummary } from "./types";

export interface JoinWishes {
  name?: string;
  invite?: string;
  rejoin?: string;
}

export class Api {
  constructor(
    private readonly fetcher: typeof fetch,
    private readonly auth: Auth,
  ) {}

  setupState = () => this.get<{ needs_owner: boolean }>("/api/setup");
  rooms = () => this.get<Page<RoomView>>("/api/rooms");
  room = (id: string) => this.get<RoomView>(`/api/rooms/${encodeURIComponent(id)}`);
  invitation = (token: string) => this.get<Invitation>(`/api/invites/${encodeURIComponent(token)}`);
  sessions = () => this.get<Page<SessionSummary>>("/api/sessions");
  session = (id: string) => this.get<SessionRecord>(`/api/sessions/${encodeURIComponent(id)}`);

  createRoom = (title?: string) => this.post<RoomView>("/api/rooms", title === undefined ? {} : { title });
  startDemo = (room: string, participants: number) => this.post<null>(`/api/rooms/${room}/demo`, { participants });
  join = (room: string, wishes: JoinWishes) => this.post<JoinAnswer>(`/api/rooms/${room}/join`, wishes);
  endMeeting = (room: string) => this.post<null>(`/api/rooms/${room}/end`, {});
  startRecording = (room: string) => this.post<Recording>(`/api/rooms/${room}/recordings`, {});
  stopRecording = (recording: string) => this.post<Recording>(`/api/recordings/${recording}/stop`, {});

  private get<T>(path: string): Promise<T> {
    return this.request<T>("GET", path);
  }

  private post<T>(path: string, body: unknown): Promise<T> {
    return this.request<T>("POST", path, body);
  }

  private async request<T>(method: string, path: string, body?: unknown): Promise<T> {
    const first = await this.send(method, path, body);
    const refused = first.status === 401 && this.auth.accessToken() !== null;
    const answer = refused && (await this.auth.refresh()) ? await this.send(method, path, body) : first;
    const read: unknown = answer.status === 204 ? null : await answer.json().catch(() => null);
    if (!answer.ok) throw problemOf(answer.status, read);
    return read as T;
  }

  private send(method: string, path: string, body: unknown): Promise<Response> {
    return this.fetcher(path, {
      method,
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...bearer(this.auth.accessToken()),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
    }).catch(() => {
      throw unreachable();
    });
  }
}

export { Problem };
