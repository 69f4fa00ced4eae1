"""What is kept on this machine of registries in buckets.

files.py: pulled files, by digest. records.py: what was last read, for when nothing may be asked. listed.py: the records
of long lists, each for as long as a listing names that very object.
"""
