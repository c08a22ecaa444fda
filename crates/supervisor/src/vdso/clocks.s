# What replaces the vDSO's functions: clocks that read the supervisor's page.
#
# Build:  as -o clocks.o clocks.s && objcopy -O binary -j .text clocks.o clocks.bin
# A test builds it again and compares.
#
# The code is position-independent and keeps to the C calling convention: it may change rax, rcx, rdx,
# rsi, rdi and r8 to r11. Where a function has no answer it makes the real call, which the supervisor
# answers.

        .set    PAGE, 0x10000           # the page's address: PAGE in mod.rs
        .set    NOW, 0                  # the node's time when it was last let run, in nanoseconds
        .set    READS, 8                # clocks read since then
        .set    LIMIT, 16               # reads after which the real call is made
        .set    TICK, 24                # what a read costs, in nanoseconds
        .set    MONOTONIC, 32           # to be added for the clock that nobody sets
        .set    WALL, 40                # to be added for the wall clock

        .text
# The entries, eight bytes each, in the order of FUNCTIONS in mod.rs.
        jmp     clock_gettime
        .balign 8
        jmp     gettimeofday
        .balign 8
        jmp     time
        .balign 8
        jmp     getcpu
        .balign 8
        jmp     getrandom
        .balign 8

# Reads the clock whose base is at offset r8 of the page: seconds in rax, nanoseconds in rdx. The
# carry is set if there were too many reads. Changes rcx.
read:
        mov     $PAGE, %ecx
        mov     READS(%rcx), %rax
        cmp     LIMIT(%rcx), %rax
        jae     1f
        inc     %rax
        mov     %rax, READS(%rcx)
        imul    TICK(%rcx), %rax
        add     NOW(%rcx), %rax
        add     (%rcx,%r8), %rax
        xor     %edx, %edx
        mov     $1000000000, %ecx
        div     %rcx
        clc
        ret
1:      stc
        ret

# int clock_gettime(clockid_t edi, struct timespec *rsi)
clock_gettime:
        cmp     $11, %edi
        ja      3f
        mov     $WALL, %r8d
        mov     $0x821, %eax            # CLOCK_REALTIME (0), _REALTIME_COARSE (5), _TAI (11)
        bt      %edi, %eax
        jc      1f
        mov     $MONOTONIC, %r8d
        mov     $0xd2, %eax             # CLOCK_MONOTONIC (1), _RAW (4), _COARSE (6), _BOOTTIME (7)
        bt      %edi, %eax
        jnc     3f
1:      call    read
        jc      3f
        mov     %rax, (%rsi)
        mov     %rdx, 8(%rsi)
        xor     %eax, %eax
        ret
3:      mov     $228, %eax
        syscall
        ret

# int gettimeofday(struct timeval *rdi, struct timezone *rsi)
gettimeofday:
        test    %rsi, %rsi
        jnz     3f
        test    %rdi, %rdi
        jz      3f
        mov     $WALL, %r8d
        call    read
        jc      3f
        mov     %rax, (%rdi)
        mov     %rdx, %rax
        xor     %edx, %edx
        mov     $1000, %ecx
        div     %rcx
        mov     %rax, 8(%rdi)
        xor     %eax, %eax
        ret
3:      mov     $96, %eax
        syscall
        ret

# time_t time(time_t *rdi)
time:
        mov     $WALL, %r8d
        call    read
        jc      3f
        test    %rdi, %rdi
        jz      1f
        mov     %rax, (%rdi)
1:      ret
3:      mov     $201, %eax
        syscall
        ret

# int getcpu(unsigned *rdi, unsigned *rsi): there is one processor.
getcpu:
        xor     %eax, %eax
        test    %rdi, %rdi
        jz      1f
        mov     %eax, (%rdi)
1:      test    %rsi, %rsi
        jz      2f
        mov     %eax, (%rsi)
2:      ret

# ssize_t getrandom(...): -ENOSYS, upon which libraries make the call.
getrandom:
        mov     $-38, %rax
        ret
