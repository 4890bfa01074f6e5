/** Error numbers that hypercalls return, negated. `xen/include/public/errno.h` */
export const Errno = {
  /** The caller is not allowed to do this. */
  EPERM: 1,
  /** The named object does not exist. */
  ENOENT: 2,
  /** No domain has the given id. */
  ESRCH: 3,
  /** An argument or a list is longer than the call accepts. */
  E2BIG: 7,
  /** Cannot be done at the moment; the caller may retry. */
  EAGAIN: 11,
  /** Xen or the domain has too little memory for the call. */
  ENOMEM: 12,
  /** Access to the object is denied. */
  EACCES: 13,
  /** A guest address passed to the call cannot be read or written. */
  EFAULT: 14,
  /** The object is in use. */
  EBUSY: 16,
  /** The object exists already, for example a binding made before. */
  EEXIST: 17,
  /** No such device, or the feature behind the call is absent. */
  ENODEV: 19,
  /** An argument is out of range or makes no sense. */
  EINVAL: 22,
  /** No room is left, for example no free event channel port. */
  ENOSPC: 28,
  /** The hypercall or the sub-operation is not implemented. */
  ENOSYS: 38,
  /** There is nothing to return. */
  ENODATA: 61,
  /** The requested time has passed already. */
  ETIME: 62,
  /** The operation is known but not supported here. */
  EOPNOTSUPP: 95,
} as const;
