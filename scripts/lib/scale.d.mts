import type { Figure } from '../../test/lab/bench/figures.ts';
import type { Size } from '../../test/scale/home.ts';
import type { ScaleFigure } from '../../test/scale/result.ts';

interface Result {
  readonly full: Size;
  readonly figures: readonly ScaleFigure[];
  readonly kernel: readonly Figure[];
}

export function scaleTable(result: Result): string;
export function kernelTable(result: Result): string;
