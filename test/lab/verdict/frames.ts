// Captures as IP packets, by the product's reader of capture files. A capture that breaks off is an
// error: a verdict on half of a wire is none.
import { captureFrames, type Frame } from '../../../agent/src/wire/pcap.ts';
import { isMalformed } from '../../../agent/src/wire/reader.ts';

export type { Frame };

/** The IP packets of a capture; throws where the file is malformed. */
export function* framesOf(capture: Uint8Array): Generator<Frame, void> {
  for (const frame of captureFrames(capture)) {
    if (isMalformed(frame)) throw new Error(`capture: ${frame.malformed}`);
    yield frame;
  }
}
