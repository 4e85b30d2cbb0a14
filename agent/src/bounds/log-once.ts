// What is worth a line in the log, said once a period and topic with how often it happened, however
// often that is: a flood of one device must not become a flood of the log. Pure; step asks it.

export interface Reports {
  /** By topic, the one said longest ago first. */
  readonly topics: Map<string, Topic>;
}

interface Topic {
  /** When it was said last, milliseconds, and what has happened since without being said. */
  said: number;
  unsaid: number;
}

/** A topic that goes on is said again after this long. */
const PERIOD_MILLISECONDS = 600000;
/** Topics remembered: a few for each of some devices. */
const TOPICS = 256;

export function createReports(): Reports {
  return { topics: new Map() };
}

/** The line for the log, or null when this topic was said less than ten minutes ago. */
export function reportOnce(
  reports: Reports,
  topic: string,
  text: string,
  now: number,
): string | null {
  const known = reports.topics.get(topic);
  if (known !== undefined && now - known.said < PERIOD_MILLISECONDS) {
    known.unsaid += 1;
    return null;
  }
  reports.topics.delete(topic);
  reports.topics.set(topic, { said: now, unsaid: 0 });
  if (reports.topics.size > TOPICS) {
    for (const oldest of reports.topics.keys()) {
      reports.topics.delete(oldest);
      break;
    }
  }
  const again = known === undefined ? 0 : known.unsaid;
  return again === 0 ? text : `${text} (${again} times since it was last said)`;
}
