// answers/actions: the answers of commands that change something: what was done as fields, and as a sentence.

/** What was done, in words. */
export interface Done {
  readonly text: string;
}

export interface PauseAnswer extends Done {
  readonly apps: readonly string[];
  /** Seconds until the pause ends; null: it ends with `whp resume` or with the agent. */
  readonly left_s: number | null;
}

export interface ResumeAnswer extends Done {
  readonly apps: readonly string[];
}

export interface PinAnswer extends Done {
  readonly address: string;
  readonly app: string;
}

export interface UnpinAnswer extends Done {
  readonly address: string;
}

export interface UseAnswer extends Done {
  /** null: as configured. */
  readonly proxy: string | null;
  readonly apps: readonly string[];
}

export interface ForgetAnswer extends Done {
  readonly forgotten: number;
}
