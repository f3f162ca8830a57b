from storyloom.cli.app import main

main()
