// bounds/log-once: limits log lines to one per topic and period, with the count of suppressed ones, so that a flood
// of one device does not flood the log.

export interface Reports {
  /** By topic, least recently logged first. */
  readonly topics: Map<string, Topic>;
}

interface Topic {
  /** Time of the last line, milliseconds, and occurrences suppressed since. */
  said: number;
  unsaid: number;
}

/** Period in which a topic is logged once. */
const PERIOD_MILLISECONDS = 600000;
/** Topics remembered: a few for each of some devices. */
const TOPICS = 256;

export function createReports(): Reports {
  return { topics: new Map() };
}

/** The line to log, or null if the topic was logged in the last ten minutes. */
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
