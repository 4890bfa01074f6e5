import { describe, expect, it } from 'vitest';
import { HypervisorError } from '#sdk';
import { fromPlainError, toPlainError } from '../../../../runtime/pcpu/plain-error.ts';

describe('errors between threads', () => {
  it('keep code, message and hint', () => {
    const error = fromPlainError(structuredClone(toPlainError(new HypervisorError('HV_ERR_FILE_READ', 'no', { hint: 'try' }))));
    expect(error).toMatchObject({ code: 'HV_ERR_FILE_READ', message: 'no', hint: 'try' });
    expect(error).toBeInstanceOf(HypervisorError);
  });

  it('say what a device said, not that a bus failed', () => {
    const cause = new HypervisorError('HV_ERR_FILE_WRITE', 'the disk is full');
    expect(toPlainError(new HypervisorError('HV_ERR_DEVICE_FAILED', 'bus', { cause }))).toMatchObject({ code: 'HV_ERR_FILE_WRITE' });
  });

  it('are defects of ours when they are none of ours', () => {
    expect(toPlainError(new TypeError('x is undefined'))).toMatchObject({ code: 'HV_ERR_PCPU_FAILED' });
  });
});
