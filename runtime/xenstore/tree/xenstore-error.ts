/** Names of the errors that the protocol can carry, as listed in `xs_wire.h`. */
export type XsErrno =
  | 'EINVAL'
  | 'EACCES'
  | 'EEXIST'
  | 'EISDIR'
  | 'ENOENT'
  | 'ENOMEM'
  | 'ENOSPC'
  | 'EIO'
  | 'ENOTEMPTY'
  | 'ENOSYS'
  | 'EROFS'
  | 'EBUSY'
  | 'EAGAIN'
  | 'EISCONN'
  | 'E2BIG'
  | 'EPERM';

/** A request that XenStore refuses. On the wire it becomes an `XS_ERROR`; in the process it is thrown. */
export class XenStoreError extends Error {
  /** Name of the error, as the protocol spells it. */
  readonly errno: XsErrno;

  constructor(errno: XsErrno, what: string) {
    super(`${errno}: ${what}`);
    this.name = 'XenStoreError';
    this.errno = errno;
  }
}
