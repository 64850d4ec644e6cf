# A large image of many layers, for the pull benchmark: compilers and libraries as they lie in Debian.
. /images/lib.sh

empty
layer "$BASE"
change packages gcc libc6-dev
change packages g++
change packages python3 python3-dev
change packages golang-go
change packages llvm-19-dev
config --config.cmd /bin/true
