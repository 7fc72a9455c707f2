/* Which system this is. See platform.h. */
#ifndef IKV_PLATFORM_SYSTEM_H
#define IKV_PLATFORM_SYSTEM_H

#if defined(__linux__) && !defined(IKV_PORTABLE)
#define IKV_ON_LINUX 1
#else
#define IKV_ON_LINUX 0
#endif

#if defined(__APPLE__)
#define IKV_ON_APPLE 1
#else
#define IKV_ON_APPLE 0
#endif

#endif
