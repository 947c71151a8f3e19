// Generated from api/openapi.json. Do not edit. Write again: npm run generate

export interface paths {
    "/api/auth/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Signs in. */
        post: operations["login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Signs out. Without a sign-in there is nothing to do, and that is no fault. */
        post: operations["logout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Renews the sign-in of the cookie. */
        post: operations["refresh"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/auth/register": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Makes an account and signs in. */
        post: operations["register"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/invites/{token}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Reads an invite: which room it opens, and whether it is being recorded. */
        get: operations["read_invite"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists API keys. */
        get: operations["list_keys"];
        put?: never;
        /** Makes an API key. */
        post: operations["create_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Ends an API key. */
        delete: operations["delete_key"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who is signed in. */
        get: operations["read_me"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Changes who is signed in. */
        patch: operations["update_me"];
        trace?: never;
    };
    "/api/recordings/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Reads a recording. */
        get: operations["read_recording"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/recordings/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Tries a failed recording again: its tapes are kept until its files are made. One that has not
         *     failed is answered as it is.
         */
        post: operations["retry_recording"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/recordings/{id}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ends a recording. One that has ended is answered as it is. */
        post: operations["stop_recording"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rooms": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists rooms. */
        get: operations["list_rooms"];
        put?: never;
        /** Makes a room. */
        post: operations["create_room"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rooms/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Reads a room. */
        get: operations["read_room"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rooms/{id}/demo": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Brings synthetic participants into a room. */
        post: operations["start_demo"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rooms/{id}/end": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ends a meeting for all. Nobody can enter the room afterwards. */
        post: operations["end_room"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rooms/{id}/invite/renew": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Makes a new invite link and ends the old one. Who is in the room stays, but a guest who leaves
         *     comes back only by the new link.
         */
        post: operations["renew_invite"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rooms/{id}/join": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Gives the right to enter a room. */
        post: operations["join_room"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rooms/{id}/recordings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Begins to record a room. Every participant is told. */
        post: operations["start_recording"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists sessions to which somebody came. */
        get: operations["list_sessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Reads a session. */
        get: operations["read_session"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/setup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the first owner is still to be made. */
        get: operations["read_setup"];
        put?: never;
        /** Makes the first owner and signs them in. */
        post: operations["complete_setup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * @description What a person is in the organisation.
         * @enum {string}
         */
        AccountRole: "owner" | "member";
        /** @description A sign-in. The refresh token comes beside it, in an httpOnly cookie. */
        AuthAnswer: {
            /** @description Show it as `Authorization: Bearer`; keep it in memory only. */
            access_token: string;
            /** @description Refresh before this. */
            expires_at: components["schemas"]["Timestamp"];
            user: components["schemas"]["User"];
        };
        /** @description How many shall come. */
        DemoRequest: {
            /**
             * Format: int32
             * @description 1 to 6.
             * @example 2
             */
            participants: number;
        };
        /** @description A field that is not as it should be. */
        FieldError: {
            /** @description The field's name in the body. */
            field: string;
            /** @description What it should be. */
            message: string;
        };
        /**
         * @description What a file of a recording is.
         * @enum {string}
         */
        FileKind: "composed" | "track" | "manifest" | "tape";
        /** @description A STUN or TURN server, in the words of `RTCIceServer` (W3C WebRTC, section 4.2.4). */
        IceServer: {
            /** @description For TURN. */
            credential?: string | null;
            /** @description `stun:` and `turn:` addresses. */
            urls: string[];
            /** @description For TURN. */
            username?: string | null;
        };
        /** @description What a guest is told before entering. */
        Invite: {
            /**
             * Format: int32
             * @description How many are in the room now.
             */
            participants: number;
            recording: components["schemas"]["RecordingNotice"] | null;
            /** Format: uuid */
            room_id: string;
            status: components["schemas"]["RoomStatus"];
            title: string;
        };
        /** @description The right to enter, and where. */
        JoinAnswer: {
            /** @description First message on the signalling WebSocket. Good for 10 minutes. */
            grant: string;
            /** @description For `RTCPeerConnection`. */
            ice_servers: components["schemas"]["IceServer"][];
            /** @description The name as others will see it. */
            name: string;
            /** Format: uuid */
            participant_id: string;
            recording: components["schemas"]["RecordingNotice"] | null;
            /** @description Keep it: joining again with it keeps `participant_id`. */
            rejoin: string;
            role: components["schemas"]["ParticipantRole"];
            /** Format: uuid */
            session_id: string;
            title: string;
            /** @description The signalling WebSocket. */
            url: string;
        };
        /** @description Who wants to come. */
        JoinRequest: {
            /** @description From the invite link: `/j/{token}`. Needed for guests. */
            invite?: string | null;
            /**
             * @description The name shown, 1 to 80 characters. Needed for guests.
             * @example Robin
             */
            name?: string | null;
            /** @description From the answer of an earlier join, to be the same participant. */
            rejoin?: string | null;
            role?: components["schemas"]["ParticipantRole"] | null;
        };
        /** @description An API key without its secret. */
        Key: {
            created_at: components["schemas"]["Timestamp"];
            /** Format: uuid */
            id: string;
            last_used_at: components["schemas"]["Timestamp"] | null;
            name: string;
            /** @description How the secret begins, to tell keys apart. */
            prefix: string;
        };
        /** @description A new key with its secret. */
        KeyCreated: {
            key: components["schemas"]["Key"];
            /** @description Show it as `Authorization: Bearer`. It cannot be shown again. */
            secret: string;
        };
        /** @description A new key. */
        KeyRequest: {
            /**
             * @description What it is for, 1 to 80 characters.
             * @example Build server
             */
            name: string;
        };
        /** @description Who signs in. */
        LoginRequest: {
            /** @example ada@example.org */
            email: string;
            /** @example correct horse */
            password: string;
        };
        /** @description What shall change; an absent field stays. */
        MeUpdate: {
            /** @description Needed with `new_password`. */
            current_password?: string | null;
            /**
             * @description The name shown, 1 to 80 characters.
             * @example Ada Lovelace
             */
            name?: string | null;
            /** @description At least 8 characters. Every other sign-in of the person ends. */
            new_password?: string | null;
        };
        /** @description A stretch of a track that is missing. */
        MissingStretch: {
            /**
             * Format: int64
             * @description From the recording's start.
             */
            from_ms: number;
            /**
             * Format: int64
             * @description From the recording's start.
             */
            to_ms: number;
            /** @description `{participant}:{source}`. */
            track: string;
        };
        /** @description A page of a list. */
        Page_Key: {
            /** @description Newest first. */
            items: {
                created_at: components["schemas"]["Timestamp"];
                /** Format: uuid */
                id: string;
                last_used_at: components["schemas"]["Timestamp"] | null;
                name: string;
                /** @description How the secret begins, to tell keys apart. */
                prefix: string;
            }[];
            /** @description Give it as `after` for the next page. Null: this was the last. */
            next: string | null;
        };
        /** @description A page of a list. */
        Page_Room: {
            /** @description Newest first. */
            items: {
                created_at: components["schemas"]["Timestamp"];
                /** Format: uuid */
                id: string;
                /** @description Give it to guests. Null when the invite was withdrawn. */
                invite_url: string | null;
                /**
                 * Format: uuid
                 * @description The meeting that is on, or else the last one.
                 */
                session_id: string | null;
                status: components["schemas"]["RoomStatus"];
                title: string;
            }[];
            /** @description Give it as `after` for the next page. Null: this was the last. */
            next: string | null;
        };
        /** @description A page of a list. */
        Page_SessionSummary: {
            /** @description Newest first. */
            items: {
                ended_at: components["schemas"]["Timestamp"] | null;
                /** Format: uuid */
                id: string;
                /**
                 * Format: int32
                 * @description How many came.
                 */
                participants: number;
                /**
                 * Format: int32
                 * @description How many are there now.
                 */
                present: number;
                /** @description How each of its recordings stands, oldest first. */
                recordings: components["schemas"]["RecordingStatus"][];
                /** Format: uuid */
                room_id: string;
                started_at: components["schemas"]["Timestamp"];
                title: string;
            }[];
            /** @description Give it as `after` for the next page. Null: this was the last. */
            next: string | null;
        };
        /**
         * @description What somebody is in a room.
         * @enum {string}
         */
        ParticipantRole: "host" | "member" | "guest" | "observer";
        /** @description A refusal (RFC 9457). */
        Problem: {
            /** @description What a program acts on. Stable. */
            code: string;
            /** @description More about this very refusal. */
            detail?: string | null;
            /** @description With `invalid`: each field that is not as it should be. */
            errors?: components["schemas"]["FieldError"][];
            /**
             * Format: int32
             * @description The HTTP status.
             */
            status: number;
            /** @description What a person reads. */
            title: string;
            /** @description Always `about:blank`: the code says it all. */
            type: string;
        };
        /** @description One file of a recording. */
        RecordedFile: {
            /** Format: int64 */
            bytes: number;
            content_type: string;
            kind: components["schemas"]["FileKind"];
            /** @description The participant's name, for a track. */
            name: string | null;
            /** @description Lower-case hexadecimal. */
            sha256: string;
            /** @description `{participant}:{source}`, for a track. */
            track: string | null;
            /** @description Good for a limited time; ask for the recording again to get a fresh one. */
            url: string;
        };
        /** @description A recording. */
        Recording: {
            ended_at: components["schemas"]["Timestamp"] | null;
            /** @description When ready. */
            files: components["schemas"]["RecordedFile"][];
            health: components["schemas"]["RecordingHealth"] | null;
            /** Format: uuid */
            id: string;
            /** @description When failed: what went wrong. */
            problem: string | null;
            /**
             * Format: int32
             * @description While finishing: 0 to 100.
             */
            progress_percent: number | null;
            /** Format: uuid */
            room_id: string;
            /** Format: uuid */
            session_id: string;
            started_at: components["schemas"]["Timestamp"] | null;
            /** @description The name of who started it. */
            started_by: string;
            status: components["schemas"]["RecordingStatus"];
        };
        /** @description How whole a recording is. */
        RecordingHealth: {
            /** Format: int64 */
            duration_ms: number;
            /**
             * Format: int64
             * @description Entries that the server received and the tapes do not have.
             */
            entries_missing: number;
            /** @description Stretches without media that were not a mute. */
            gaps: components["schemas"]["MissingStretch"][];
            /**
             * Format: int32
             * @description Largest distance between a participant's sound and picture. Null when nobody sent both.
             */
            largest_av_skew_ms: number | null;
            /**
             * Format: int64
             * @description Packets that participants sent and the server never received.
             */
            packets_lost_on_network: number;
            /**
             * Format: int64
             * @description Media packets on the tapes.
             */
            packets_recorded: number;
        };
        /** @description That a room is being recorded. */
        RecordingNotice: {
            /** Format: uuid */
            recording_id: string;
            started_at: components["schemas"]["Timestamp"];
            /** @description The name of who started it. */
            started_by: string;
        };
        /**
         * @description How far a recording is.
         * @enum {string}
         */
        RecordingStatus: "starting" | "recording" | "finishing" | "ready" | "failed";
        /** @description A new account. */
        RegisterRequest: {
            /** @example ada@example.org */
            email: string;
            /**
             * @description The name shown, 1 to 80 characters.
             * @example Ada Lovelace
             */
            name: string;
            /**
             * @description At least 8 characters.
             * @example correct horse
             */
            password: string;
        };
        /** @description A room. */
        Room: {
            created_at: components["schemas"]["Timestamp"];
            /** Format: uuid */
            id: string;
            /** @description Give it to guests. Null when the invite was withdrawn. */
            invite_url: string | null;
            /**
             * Format: uuid
             * @description The meeting that is on, or else the last one.
             */
            session_id: string | null;
            status: components["schemas"]["RoomStatus"];
            title: string;
        };
        /** @description A new room. */
        RoomRequest: {
            /**
             * @description 1 to 80 characters.
             * @example Weekly
             */
            title?: string | null;
        };
        /**
         * @description How a room stands.
         * @enum {string}
         */
        RoomStatus: "idle" | "live" | "ended";
        /** @description A session. */
        Session: {
            ended_at: components["schemas"]["Timestamp"] | null;
            /** Format: uuid */
            id: string;
            /** @description In the order of coming. */
            participants: components["schemas"]["SessionParticipant"][];
            /** @description Oldest first. */
            recordings: components["schemas"]["Recording"][];
            /** Format: uuid */
            room_id: string;
            started_at: components["schemas"]["Timestamp"];
            title: string;
        };
        /** @description Somebody who came to a session. */
        SessionParticipant: {
            /** @description When they first came. */
            joined_at: components["schemas"]["Timestamp"];
            left_at: components["schemas"]["Timestamp"] | null;
            name: string;
            /** Format: uuid */
            participant_id: string;
            role: components["schemas"]["ParticipantRole"];
        };
        /** @description A session in a list. */
        SessionSummary: {
            ended_at: components["schemas"]["Timestamp"] | null;
            /** Format: uuid */
            id: string;
            /**
             * Format: int32
             * @description How many came.
             */
            participants: number;
            /**
             * Format: int32
             * @description How many are there now.
             */
            present: number;
            /** @description How each of its recordings stands, oldest first. */
            recordings: components["schemas"]["RecordingStatus"][];
            /** Format: uuid */
            room_id: string;
            started_at: components["schemas"]["Timestamp"];
            title: string;
        };
        /** @description The first owner. */
        SetupRequest: {
            /** @example ada@example.org */
            email: string;
            /**
             * @description The name shown, 1 to 80 characters.
             * @example Ada Lovelace
             */
            name: string;
            /**
             * @description At least 8 characters.
             * @example correct horse
             */
            password: string;
            /** @description From the setup link: `/setup#token=...`. */
            token: string;
        };
        /** @description How far the deployment's setup is. */
        SetupState: {
            /** @description True: open the setup link that the server printed. */
            needs_owner: boolean;
        };
        /**
         * Format: date-time
         * @description A time on the wire: RFC 3339 in UTC, with milliseconds.
         * @example 2026-01-31T09:30:00.250Z
         */
        Timestamp: string;
        /** @description A person with an account. */
        User: {
            email: string;
            /** Format: uuid */
            id: string;
            /** @description The name shown. */
            name: string;
            role: components["schemas"]["AccountRole"];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    login: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LoginRequest"];
            };
        };
        responses: {
            /** @description Signed in */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuthAnswer"];
                };
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    logout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Signed out */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    refresh: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Signed in */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuthAnswer"];
                };
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    register: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RegisterRequest"];
            };
        };
        responses: {
            /** @description Signed in */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuthAnswer"];
                };
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    read_invite: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description From the invite link: `/j/{token}` */
                token: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What it opens */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Invite"];
                };
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_keys: {
        parameters: {
            query?: {
                /** @description `next` of the page before */
                after?: string;
                /** @description Items of a page, at most 200 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of keys */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Key"];
                };
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_key: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["KeyRequest"];
            };
        };
        responses: {
            /** @description The key */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyCreated"];
                };
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_key: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The key */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It opens nothing any more */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    read_me: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Who is signed in */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    update_me: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MeUpdate"];
            };
        };
        responses: {
            /** @description As it is now */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    read_recording: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The recording */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The recording */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Recording"];
                };
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    retry_recording: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The recording */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The recording */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Recording"];
                };
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    stop_recording: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The recording */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The recording */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Recording"];
                };
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_rooms: {
        parameters: {
            query?: {
                /** @description `next` of the page before */
                after?: string;
                /** @description Items of a page, at most 200 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of rooms */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Room"];
                };
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_room: {
        parameters: {
            query?: never;
            header?: {
                /** @description Repeats with the same key get the first answer */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RoomRequest"];
            };
        };
        responses: {
            /** @description The room */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Room"];
                };
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    read_room: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The room */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The room */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Room"];
                };
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    start_demo: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The room */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DemoRequest"];
            };
        };
        responses: {
            /** @description They come */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    end_room: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The room */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It ends */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    renew_invite: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The room */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The room with its new link */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Room"];
                };
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    join_room: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The room */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["JoinRequest"];
            };
        };
        responses: {
            /** @description The right to enter */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JoinAnswer"];
                };
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    start_recording: {
        parameters: {
            query?: never;
            header?: {
                /** @description Repeats with the same key get the first answer */
                "Idempotency-Key"?: string | null;
            };
            path: {
                /** @description The room */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The recording */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Recording"];
                };
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_sessions: {
        parameters: {
            query?: {
                /** @description `next` of the page before */
                after?: string;
                /** @description Items of a page, at most 200 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of sessions */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_SessionSummary"];
                };
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    read_session: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The session */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    read_setup: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How far the setup is */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SetupState"];
                };
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    complete_setup: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetupRequest"];
            };
        };
        responses: {
            /** @description Signed in */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuthAnswer"];
                };
            };
            /** @description A refusal */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
